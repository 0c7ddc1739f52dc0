"""Known browsers: a person who signed in there before can still sign in while the account is blocked.

A signed cookie lists the accounts that were used in the browser, each with a digest of its session series.
A new password invalidates it in all other browsers, a deactivation in all browsers.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare

from apps.accounts.models import User
from apps.core import clock
from apps.core.encryption import keyed_digests

MAX_AGE = 180 * 24 * 60 * 60
"""Seconds that a browser stays known after the last sign-in there."""
MAX_ACCOUNTS = 8
"""Maximum number of accounts in one browser's cookie; several people may share a computer."""
_SALT = "apps.accounts.sign_in.known_devices"


def device_of(request: HttpRequest, account: User | None) -> str:
    """The browser's id if this account has signed in there before, otherwise an empty string."""
    known = _read(request)
    if account is None:
        return ""
    mark = known["of"].get(str(account.pk), "")
    is_known = any(constant_time_compare(mark, one) for one in _marks(account))
    return str(known["id"]) if is_known else ""


def remember(request: HttpRequest, response: HttpResponseBase, account: User) -> None:
    """Set the cookie on the response. Call after the person has proved who they are in this browser."""
    known = _read(request)
    others = [pair for pair in known["of"].items() if pair[0] != str(account.pk)]
    known["at"] = clock.seconds()
    known["of"] = dict([*others, (str(account.pk), _marks(account)[0])][-MAX_ACCOUNTS:])
    response.set_cookie(
        settings.KNOWN_DEVICE_COOKIE_NAME,
        signing.dumps(known, salt=_SALT),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> dict[str, Any]:
    cookie = request.COOKIES.get(settings.KNOWN_DEVICE_COOKIE_NAME, "")
    try:
        known: dict[str, Any] = signing.loads(cookie, salt=_SALT)
    except signing.BadSignature:
        known = {}
    # The signature's own timestamp uses the machine's clock.
    age = clock.seconds() - known.get("at", 0)
    if not -clock.TOLERANCE <= age <= MAX_AGE:
        return {"id": secrets.token_hex(8), "of": {}}
    return known


def _marks(account: User) -> list[str]:
    """The account's marks: the one of a new cookie, then those under other digest keys.

    A process without the key in use does not know some browsers, whose people sign in like in a new one.
    """
    parts = (str(account.pk), str(account.session_series))
    marks = keyed_digests("known_device", *parts, or_own_keys=True)
    return [mark.hex()[:32] for mark in marks]
