"""The client of this process, from the settings. The only module of the client that knows Django."""

from __future__ import annotations

import functools
import threading

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import Signal

from apps.cdp.attempt import Limits
from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.exchange import Contact, Exchange
from apps.cdp.links import BaseUrl
from apps.cdp.slots import Slots
from apps.cdp.transport import Credentials, Transport
from apps.core import clock

# Sent in the thread of the call with `contact`, for every answer of the vendor, before it is used.
vendor_answered = Signal()


_building = threading.Lock()


def get_client() -> CdpClient:
    """The one client that all threads share. Never raises: with unusable settings its calls do.

    Tests that change a CDP_* setting through Django get a new one.
    """
    with _building:  # threads that come first at one moment must not make one each, with slots of its own
        return _client()


@functools.cache
def _client() -> CdpClient:
    try:
        return CdpClient(_exchange())
    except CdpNotConfigured as error:
        return CdpClient(error)


def _exchange() -> Exchange:
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
    )
    return Exchange(transport, limits, slots=Slots(settings.CDP_IN_FLIGHT), tell=_tell, clock=clock.now)


def _tell(contact: Contact) -> None:
    vendor_answered.send_robust(sender=CdpClient, contact=contact)


def _forget(*, setting: str, **_: object) -> None:
    if setting.startswith("CDP_"):
        _client.cache_clear()


setting_changed.connect(_forget)
