"""One-time links to set a password: how they are made and what makes them useless."""

from __future__ import annotations

import datetime

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts.models import User
from apps.core import clock


class _PasswordLinkTokens(PasswordResetTokenGenerator):
    """Django's tokens, which end with a new password, a sign-in or ``PASSWORD_RESET_TIMEOUT`` (seconds).

    Ours end with a newer link, too, and with a deactivation, for good.
    """

    key_salt = "accounts.password_link"

    def _now(self) -> datetime.datetime:
        # Without a zone, as Django's, and not by the clock of the machine.
        return clock.now().replace(tzinfo=None)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        value = super()._make_hash_value(user, timestamp)
        return f"{value}:{user.password_links}:{user.session_series}"


_tokens = _PasswordLinkTokens()


def make_token(person: User) -> str:
    """The secret part of a link for this person, as the row stands now."""
    return _tokens.make_token(person)


def opens_account(person: User, token: str) -> bool:
    """Whether the link with this token may still set the person's password."""
    return person.is_active and _tokens.check_token(person, token)


def encode_person(person: User) -> str:
    """The person's id as the link's address carries it."""
    return urlsafe_base64_encode(force_bytes(person.pk))


def decode_person(code: str) -> int:
    """The id behind ``encode_person``; 0, which nobody has, when the text is something else."""
    try:
        return int(urlsafe_base64_decode(code).decode("ascii"))
    except ValueError:
        return 0
