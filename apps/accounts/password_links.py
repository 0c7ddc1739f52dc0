"""Create and check one-time links to set a password."""

from __future__ import annotations

import datetime

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts.models import User
from apps.core import clock


class _PasswordLinkTokens(PasswordResetTokenGenerator):
    """Django's password reset tokens, which also expire with a newer link and with a deactivation.

    Django's own conditions apply too: a new password, a sign-in, or ``PASSWORD_RESET_TIMEOUT`` seconds.
    """

    key_salt = "accounts.password_link"

    def _now(self) -> datetime.datetime:
        # Naive like Django's own, but from the portal's clock.
        return clock.now().replace(tzinfo=None)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        value = super()._make_hash_value(user, timestamp)
        return f"{value}:{user.password_links}:{user.session_series}"


_tokens = _PasswordLinkTokens()


def make_token(person: User) -> str:
    """The secret part of a link for this person, valid for the current state of the row."""
    return _tokens.make_token(person)


def opens_account(person: User, token: str) -> bool:
    """Whether a link with this token can still set the person's password."""
    return person.is_active and _tokens.check_token(person, token)


def encode_person(person: User) -> str:
    """The person's id, encoded for the link's URL."""
    return urlsafe_base64_encode(force_bytes(person.pk))


def decode_person(code: str) -> int:
    """Reverse ``encode_person``. Returns 0, which is no person's id, if the text is malformed."""
    try:
        return int(urlsafe_base64_decode(code).decode("ascii"))
    except ValueError:
        return 0
