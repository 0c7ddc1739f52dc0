"""Receivers of notices: a real SMTP server, and the settings that switch the channels on."""

from __future__ import annotations

import base64
import email.message
import email.policy
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.ports import free_port

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEXT_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
OK = "250 accepted"


@dataclass
class Mailbox:
    """The SMTP server's handler: what it accepted, and what it answers to the next message.

    ``answer``: the reply to a message, computed when it has arrived; a mail that is not answered with 250 is
    not kept.
    """

    users: list[bytes] = field(default_factory=list)
    mails: list[email.message.EmailMessage] = field(default_factory=list)
    offered: int = 0
    answer: Callable[[], str] = lambda: OK
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, email.message.EmailMessage)
        mail["X-To"] = ",".join(envelope.rcpt_tos)
        with self.lock:
            self.offered += 1
            answer = self.answer()
            self.users.append(getattr(session.auth_data, "login", b""))
            if answer.startswith("250"):
                self.mails.append(mail)
        return answer

    @property
    def ids(self) -> list[str]:
        """The Message-ID of each accepted mail."""
        return [str(mail["Message-ID"]) for mail in self.mails]


@contextmanager
def mail_server(
    user: str = "",
    password: str = "",
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Mailbox]:
    """An SMTP server on this machine. With a user it accepts only that sign-in; ``users`` are the senders."""
    box = Mailbox()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        given = data if isinstance(data, LoginPassword) else LoginPassword(b"", b"")
        is_right = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=is_right, handled=False, auth_data=given)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        server_hostname="localhost",  # asking for it may be slow
        port=free_port(),
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=authenticate if user else None,
        auth_require_tls=False,
    )
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def mail_settings(port: int) -> dict[str, Any]:
    """The settings for a server of this machine."""
    return {
        "NOTICE_MAIL_TO": "operations@example.com",
        "NOTICE_MAIL_FROM": "portal@example.com",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": port,
        "SMTP_SECURITY": "none",
    }


def hook_settings(url: str, *secrets: str) -> dict[str, Any]:
    """The settings for a receiver of this machine."""
    return {"NOTICE_HOOK_URL": url, "NOTICE_HOOK_SECRETS": list(secrets or (SECRET,))}
