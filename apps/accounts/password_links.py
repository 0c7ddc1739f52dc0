"""Create and check one-time links to set a password."""

from __future__ import annotations

import datetime
import hashlib

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.crypto import constant_time_compare
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts.models import PasswordLink, User
from apps.core import clock


class _PasswordLinkTokens(PasswordResetTokenGenerator):
    """Django's password reset tokens, which also expire with a newer link and with a deactivation.

    As with Django's own: a new password, a sign-in, or ``PASSWORD_RESET_TIMEOUT`` seconds.
    """

    key_salt = "accounts.password_link"

    def _now(self) -> datetime.datetime:
        # Naive like Django's own, but from the portal's clock.
        return clock.now().replace(tzinfo=None)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        # Without the e-mail address of Django's value: nobody signs in with it, and a correction must not end
        # a link that was sent.
        signed_in = "" if user.last_login is None else user.last_login.replace(microsecond=0, tzinfo=None)
        return (
            f"{user.pk}:{user.password}:{signed_in}:{timestamp}:{user.password_links}:{user.session_series}"
        )


_tokens = _PasswordLinkTokens()


class _TokensOf(_PasswordLinkTokens):
    """The tokens of one moment, under one key."""

    def __init__(self, moment: datetime.datetime, secret: str | None = None) -> None:
        super().__init__()
        self._moment = moment
        if secret is not None:
            self.secret = secret

    def _now(self) -> datetime.datetime:
        return self._moment.astimezone(datetime.UTC).replace(tzinfo=None)


def make_token(person: User, issued_at: datetime.datetime) -> str:
    """The secret part of a link for this person, issued at that moment, valid for the row's current state.

    The same for the same moment and state, so that it need not be stored to be shown again.
    """
    return _TokensOf(issued_at).make_token(person)


def fingerprint(token: str) -> str:
    """The digest of a token that is stored. The token cannot be computed from it."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_of(link: PasswordLink) -> str:
    """The token of a link that can still be used, computed again; empty if it cannot be used any more.

    It is computed from the person's present state. The fingerprint shows whether the link was issued for this
    state; without this comparison, a link that was replaced would get a valid token again.
    """
    if link.used_at is not None:
        return ""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _TokensOf(link.issued_at, secret).make_token(link.person)
        if constant_time_compare(fingerprint(token), link.fingerprint):
            return token if opens_account(link.person, token) else ""
    return ""


def expires_at(link: PasswordLink) -> datetime.datetime:
    """When a link expires if it is not used."""
    return link.issued_at + datetime.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def opens_account(person: User, token: str) -> bool:
    """Whether a link with this token can still set the person's password."""
    return person.is_active and _tokens.check_token(person, token)


def encode_person(person: User) -> str:
    """The person's id, encoded for the link's URL."""
    return urlsafe_base64_encode(force_bytes(person.pk))


def decode_person(code: str) -> int:
    """Reverse ``encode_person``. Returns 0, which is not the id of a person, if the text is malformed."""
    try:
        return int(urlsafe_base64_decode(code).decode("ascii"))
    except ValueError:
        return 0
