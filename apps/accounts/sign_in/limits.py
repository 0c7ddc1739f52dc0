"""Limits for failed sign-ins: per account and address, and per address.

A known browser is counted by itself, not by its address, and a blocked account can still sign in from it. So
a person who knows a colleague's user name cannot lock them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.sign_in import known_devices
from apps.core.limits import Limit, network_of, release
from apps.core.models import LimitedAct
from apps.core.web.requests import origin_of

ACCOUNT_FROM_ONE_SOURCE = Limit("sign_in_account", max_acts=5, seconds=5 * 60)
"""Failures of one account from one address, or in one known browser."""
LIMIT_EVENTS = Limit("sign_in_limit_told", max_acts=1, seconds=5 * 60)
"""Recorded events about limited sign-ins: one per period, not one per attempt."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in attempt within the limits. ``blocked``: refuse it even if the password is correct."""

    act: LimitedAct
    address: str
    blocked: bool

    def succeeded(self) -> None:
        """Undo the count of this attempt."""
        release(self.act)

    def failed(self) -> None:
        """Count a failure of the address; ``begin`` has already counted the account from this source."""
        _of_address().acquire(self.address)


def begin(request: HttpRequest, username: str, account: User | None) -> Attempt | None:
    """Count an attempt to sign in with the typed user name. Returns None if a limit is reached.

    The name is counted even if no account has it, so that the limit does not reveal which accounts exist.
    """
    address = network_of(origin_of(request).client_address)
    device = known_devices.device_of(request, account)
    if not device and _of_address().is_reached(address):
        return None
    source = ("device", device) if device else ("address", address)
    act = ACCOUNT_FROM_ONE_SOURCE.acquire(username.lower(), *source)
    if act is None:
        return None
    blocked = account is not None and account.sign_in_blocked_at is not None and not device
    return Attempt(act, address, blocked)


def take_limit_event(request: HttpRequest, username: str) -> bool:
    """Whether to record this refusal: the first in the period for both the address and the account.

    Counts the refusal, so that a series of attempts does not flood the log.
    """
    keys = (("address", network_of(origin_of(request).client_address)), ("account", username.lower()))
    return all(LIMIT_EVENTS.acquire(*key) for key in keys)


def _of_address() -> Limit:
    # Counted after the password check, so that simultaneous valid sign-ins of one office are not limited.
    return Limit("sign_in_address", max_acts=settings.SIGN_IN_ADDRESS_FAILURES, seconds=60)
