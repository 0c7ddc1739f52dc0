"""Notices by a signed web hook, over the transport of the vendor's client."""

from __future__ import annotations

from django.conf import settings

from apps.cdp.attempt import Attempt, Limits
from apps.cdp.errors import CdpNotConfigured, ErrorCode
from apps.cdp.exchange import failure_of
from apps.cdp.transport import RawAnswer, Transport
from apps.core import clock
from apps.notices.channels.failure import NotAcceptedError
from apps.notices.hook_address import HookAddress
from apps.notices.messages import Message
from apps.notices.signatures import headers_for

LIMITS = Limits(connect=5.0, read=10.0, total=15.0)
MAX_RETRY_AFTER = 24 * 3600.0  # seconds; a longer wait is ignored


def send(message: Message) -> None:
    """Post the message once. Raises ``NotAcceptedError`` unless the receiver answers with a status 2xx.

    Follows no redirect, reads nothing of the answer but its head, and verifies the certificate.
    """
    answer = _post(message)
    if not 200 <= answer.status < 300:
        raise NotAcceptedError(f"http_{answer.status}", retry_after=_seconds(answer.retry_after))


def _post(message: Message) -> RawAnswer:
    body = message.payload()
    code = ""
    setting = "NOTICE_HOOK_URL"
    try:
        address = HookAddress.parse(settings.NOTICE_HOOK_URL, practice=settings.PRACTICE_MODE)
        transport = Transport(
            base=address.base,
            credentials=None,
            max_answer_bytes=0,
            pool_size=1,
            ca_file=settings.NOTICE_HOOK_CA_FILE,
            proxy=settings.NOTICE_HOOK_PROXY,
            settings_prefix="NOTICE_HOOK_",
        )
        setting = "NOTICE_HOOK_SECRETS"
        signed = headers_for(message.id, body, seconds=clock.seconds(), secrets=settings.NOTICE_HOOK_SECRETS)
    except CdpNotConfigured as error:
        raise NotAcceptedError(error.code, setting=error.setting) from None
    except ValueError:
        raise NotAcceptedError(ErrorCode.NOT_CONFIGURED, setting=setting) from None
    headers = {**signed, "Content-Type": "application/json", "User-Agent": "consumer-portal"}
    attempt = Attempt(LIMITS)
    try:
        return transport.send(
            "POST", address.target, attempt=attempt, headers=headers, body=body, fresh=True, head_only=True
        )
    except Exception as error:  # noqa: BLE001  # the exceptions of requests, urllib3 and ssl
        code = failure_of(error, attempt).code
    raise NotAcceptedError(code or "connection_lost")  # outside the handler, whose exception quotes addresses


def _seconds(header: str) -> float:
    """The seconds of a Retry-After header; 0 if it has none, or too many."""
    text = header.strip()
    seconds = float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
    return seconds if seconds <= MAX_RETRY_AFTER else 0.0
