"""Notices by mail, over SMTP. Django's backend with limits for connecting and for the whole conversation.

Looking up the server's address has the limit of the system's resolver only.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from apps.cdp.attempt import Attempt, Limits, TooLateError
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.transport import tls_context
from apps.notices.channels.failure import NotAcceptedError
from apps.notices.messages import Message

logger = logging.getLogger(__name__)

Watch = Callable[[socket.socket], None]

LIMITS = Limits(connect=10.0, read=10.0, total=30.0)
"""``connect`` is for each address of the server. ``total`` is for all of them and the conversation: smtplib
has only a limit for each wait, which never ends a conversation that arrives byte by byte."""


class _WatchedSMTP(smtplib.SMTP):
    """Passes its socket to ``watch``, before any handshake."""

    def __init__(self, *args: Any, watch: Watch, **kwargs: Any) -> None:
        self._watch = watch
        self._ends = time.monotonic() + LIMITS.total
        smtplib.SMTP.__init__(self, *args, **kwargs)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = self._connected(host, port)
        found.settimeout(timeout)
        try:
            self._watch(found)
        except BaseException:
            found.close()
            raise
        return found

    def _connected(self, host: str, port: int) -> socket.socket:
        """A connection to the first address that answers. Raises ``OSError`` if none does in time."""
        failure = OSError("no address")
        for *_kind, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            seconds = min(LIMITS.connect, self._ends - time.monotonic())
            if seconds <= 0:
                raise TimeoutError
            try:
                return socket.create_connection((str(address[0]), port), seconds)
            except OSError as error:
                failure = error
        raise failure


class _WatchedSMTPOverTLS(smtplib.SMTP_SSL, _WatchedSMTP):
    """The same with TLS from the first byte: ``SMTP_SSL`` gets its socket from the class after it."""

    def __init__(self, *args: Any, watch: Watch, **kwargs: Any) -> None:
        self._watch = watch
        self._ends = time.monotonic() + LIMITS.total
        smtplib.SMTP_SSL.__init__(self, *args, **kwargs)


class _Backend(EmailBackend):
    """Django's backend, for one attempt, with the TLS of the vendor's client."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(
            host=settings.SMTP_HOST,
            port=settings.SMTP_PORT,
            username=settings.SMTP_USER,
            password=settings.SMTP_PASSWORD,
            use_tls=settings.SMTP_SECURITY == "starttls",
            use_ssl=settings.SMTP_SECURITY == "tls",
            timeout=LIMITS.read,
        )
        self.ssl_context = tls_context(settings.SMTP_CA_FILE, setting="SMTP_CA_FILE")
        self._attempt = attempt
        self._copies: list[socket.socket] = []

    @property
    def connection_class(self) -> Any:
        """smtplib's class, as Django calls it."""
        return partial(_WatchedSMTPOverTLS if self.use_ssl else _WatchedSMTP, watch=self._watch)

    def _watch(self, connection: socket.socket) -> None:
        # A copy: TLS replaces the original, and a shutdown of the copy ends both.
        copy = connection.dup()
        self._copies.append(copy)
        self._attempt.watch_socket(copy)

    def close(self) -> None:
        """Close the connection. An error while closing does not make the mail fail."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            super().close()
        for copy in self._copies:
            copy.close()


def send(message: Message) -> None:
    """Send one mail to NOTICE_MAIL_TO. Raises ``NotAcceptedError`` unless the server accepts it."""
    code = ""
    attempt = Attempt(LIMITS)
    mail = EmailMessage(
        subject=message.subject,
        body=message.body,
        from_email=settings.NOTICE_MAIL_FROM,
        to=[settings.NOTICE_MAIL_TO],
        headers={
            "Message-ID": f"<{message.id}@{settings.NOTICE_MAIL_FROM.rpartition('@')[2]}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no automatic answers
        },
    )
    try:
        with attempt, contextlib.closing(_Backend(attempt)) as backend:
            backend.open()
            backend.send_messages([mail])
    except CdpNotConfigured as error:
        raise NotAcceptedError(error.code, setting=error.setting) from None
    except Exception as error:  # noqa: BLE001  # smtplib's, ssl's and the system's
        code = _code_of(error, attempt)
    if code:
        raise NotAcceptedError(code)  # outside the handler, whose exception quotes the server


def _code_of(error: Exception, attempt: Attempt) -> str:
    """Why a mail was not accepted, as a code."""
    if attempt.expired or isinstance(error, TimeoutError | TooLateError):
        return "timeout"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"smtp_{next(iter(error.recipients.values()))[0]}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"smtp_{error.smtp_code}"
    codes = (
        (smtplib.SMTPServerDisconnected, "connection_lost"),
        (smtplib.SMTPException, "smtp_refused"),
        (ssl.SSLError, "tls_failed"),
        (socket.gaierror, "name_not_resolved"),
        (ConnectionRefusedError, "connect_refused"),
        (OSError, "connect_failed"),
    )
    code = next((code for kind, code in codes if isinstance(error, kind)), "fault")
    if code == "fault":
        logger.error("notice_mail_fault %s", type(error).__name__)
    return code
