"""How often a sign-in may fail: by account and address, by address, and by account alone.

A known browser is counted by itself and not by its address, and a block of the account does not warning it.
So nobody who knows a colleague's user name can keep them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from apps.accounts import known_devices
from apps.accounts.models import User
from apps.core.limits import Limit, network_of, release
from apps.core.models import LimitedAct
from apps.core.requests import origin_of

ACCOUNT_AT_ONE_PLACE = Limit("sign_in_account", max_acts=5, seconds=5 * 60)
"""Failures of one account from one address, or in one known browser."""
TOLD = Limit("sign_in_limit_told", max_acts=1, seconds=5 * 60)
"""One event within this time says that sign-ins were limited, not one for each attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that may be tried. ``blocked``: whatever the password is, the answer is no."""

    act: LimitedAct
    address: str
    blocked: bool

    def succeeded(self) -> None:
        """Count nothing."""
        release(self.act)

    def failed(self) -> None:
        """Count the failure of the address; that of the account at this place is counted already."""
        _of_address().acquire(self.address)


def begin(request: HttpRequest, username: str, account: User | None) -> Attempt | None:
    """Begin a sign-in of what was typed as a user name; None where it may not be tried now.

    The name is counted whether there is an account or not, so that the limit tells nothing about accounts.
    """
    address = network_of(origin_of(request).client_address)
    device = known_devices.device_of(request, account)
    if not device and _of_address().is_reached(address):
        return None
    place = ("device", device) if device else ("address", address)
    act = ACCOUNT_AT_ONE_PLACE.acquire(username.lower(), *place)
    if act is None:
        return None
    blocked = account is not None and account.sign_in_blocked_at is not None and not device
    return Attempt(act, address, blocked)


def is_to_be_told(request: HttpRequest, username: str) -> bool:
    """Whether a refusal is new for the address and for the account: neither many of these fills the log."""
    who = (("address", network_of(origin_of(request).client_address)), ("account", username.lower()))
    return all(TOLD.acquire(*one) for one in who)


def _of_address() -> Limit:
    # Counted after the password was checked: good sign-ins of an office at once do not stop each other.
    return Limit("sign_in_address", max_acts=settings.SIGN_IN_ADDRESS_FAILURES, seconds=60)
