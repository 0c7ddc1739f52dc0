"""The channels that the settings switch on, and how each sends a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from apps.notices.channels import hook, mail
from apps.notices.channels.failure import NotAcceptedError
from apps.notices.messages import Message
from apps.notices.models import Channel

__all__ = ["NotAcceptedError", "Sender", "senders"]


@dataclass(frozen=True, slots=True)
class Sender:
    """A channel that is on. ``send`` raises ``NotAcceptedError`` if the message was not accepted."""

    channel: Channel
    send: Callable[[Message], None]


def senders() -> tuple[Sender, ...]:
    """The channels that the settings switch on."""
    found = []
    if settings.NOTICE_MAIL_TO:
        found.append(Sender(Channel.MAIL, mail.send))
    if settings.NOTICE_HOOK_URL:
        found.append(Sender(Channel.HOOK, hook.send))
    return tuple(found)
