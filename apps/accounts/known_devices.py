"""Browsers in which a person has signed in before: a block of the account does not shut them out.

A signed cookie names the accounts that were used in the browser, each with a digest of its password's hash.
A new password makes it worthless in all other browsers, a deactivation everywhere.
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
from apps.core.encryption import keyed_digest

SECONDS = 180 * 24 * 60 * 60
"""How long a browser is known after the last sign-in there."""
MAX_ACCOUNTS = 8
"""Accounts that one browser is known for; a computer at a counter is used by several people."""
_SALT = "apps.accounts.known_devices"


def device_of(request: HttpRequest, account: User | None) -> str:
    """The id of the browser where this account has signed in there before; empty otherwise."""
    known = _read(request)
    if account is None:
        return ""
    mark = known["of"].get(str(account.pk), "")
    return str(known["id"]) if mark and constant_time_compare(mark, _mark(account)) else ""


def remember(request: HttpRequest, response: HttpResponseBase, account: User) -> None:
    """Set the cookie on the answer: the person has proved in this browser that the account is theirs."""
    known = _read(request)
    others = [pair for pair in known["of"].items() if pair[0] != str(account.pk)]
    known["at"] = clock.seconds()
    known["of"] = dict([*others, (str(account.pk), _mark(account))][-MAX_ACCOUNTS:])
    response.set_cookie(
        settings.KNOWN_DEVICE_COOKIE_NAME,
        signing.dumps(known, salt=_SALT),
        max_age=SECONDS,
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
    # Not the signature's own time, which is that of a machine.
    if clock.seconds() - known.get("at", 0) > SECONDS:
        return {"id": secrets.token_hex(8), "of": {}}
    return known


def _mark(account: User) -> str:
    return keyed_digest("known_device", str(account.pk), str(account.session_series), account.password)[:32]
