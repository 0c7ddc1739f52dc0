"""The client of this process, built from the settings. The only module of this app that uses Django."""

from __future__ import annotations

import functools
import threading

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import Signal

from apps.cdp.attempt import Limits
from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.exchange import AnswerHealth, Exchange
from apps.cdp.links import BaseUrl
from apps.cdp.slots import Slots
from apps.cdp.transport import Credentials, Transport
from apps.core import clock

# Sent with `health` (AnswerHealth) for every answer of the vendor, in the thread of the call.
answer_received = Signal()


_build_lock = threading.Lock()


def get_client() -> CdpClient:
    """The client that all threads share. Never raises: with unusable settings, its calls raise.

    After a change of a CDP_* setting in a test, the client is built again.
    """
    with _build_lock:  # two threads must not build two clients, each with its own slots
        return _client()


@functools.cache
def _client() -> CdpClient:
    try:
        return CdpClient(_exchange())
    except CdpNotConfigured as error:
        return CdpClient(error)


def _exchange() -> Exchange:
    """Build the exchange from the settings. Raises `CdpNotConfigured`."""
    try:
        limits = Limits(
            connect=settings.CDP_CONNECT_TIMEOUT,
            read=settings.CDP_READ_TIMEOUT,
            total=settings.CDP_TOTAL_TIMEOUT,
        )
    except ValueError:
        raise CdpNotConfigured(detail="CDP_*_TIMEOUT must be positive numbers of seconds") from None
    transport = Transport(
        base=BaseUrl.parse(settings.CDP_BASE_URL, extra_hosts=settings.CDP_EXTRA_HOSTS),
        credentials=Credentials(settings.CDP_CLIENT_KEY, settings.CDP_API_TOKEN),
        max_answer_bytes=settings.CDP_MAX_ANSWER_BYTES,
        pool_size=settings.CDP_POOL_SIZE,
        ca_file=settings.CDP_CA_FILE,
        proxy=settings.CDP_PROXY,
        settings_prefix="CDP_",
    )
    return Exchange(
        transport, limits, slots=Slots(settings.CDP_IN_FLIGHT), report_health=_send_signal, clock=clock.now
    )


def _send_signal(health: AnswerHealth) -> None:
    answer_received.send_robust(sender=CdpClient, health=health)


def _reset_client(*, setting: str, **_: object) -> None:
    if setting.startswith("CDP_"):
        _client.cache_clear()


setting_changed.connect(_reset_client)
