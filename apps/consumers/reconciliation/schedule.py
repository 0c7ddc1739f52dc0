"""When an unknown outcome is looked up: a few times, further and further apart, never all at once."""

from __future__ import annotations

import datetime
import random

from django.conf import settings

JITTER = 0.1  # part of each wait: submissions of one bad minute do not come back in one second
FIRST_RETRY, LONGEST_RETRY = 10.0, 3600.0  # seconds after a look that the vendor did not answer
GIVE_UP = datetime.timedelta(days=7)  # of looks that are not answered


def first_check(unknown_since: datetime.datetime) -> datetime.datetime | None:
    """The first look after an outcome became unknown; None where look-ups are off."""
    return next_check(unknown_since, unknown_since)


def next_check(unknown_since: datetime.datetime, now: datetime.datetime) -> datetime.datetime | None:
    """The first of the set times that is still to come; None after the last, and where look-ups are off."""
    if not settings.CDP_RECONCILIATION:
        return None
    for seconds in sorted(settings.CDP_RECONCILIATION_AFTER):
        if unknown_since + datetime.timedelta(seconds=seconds) > now:
            return unknown_since + datetime.timedelta(seconds=_spread(seconds))
    return None


def retry(
    unknown_since: datetime.datetime, now: datetime.datetime, *, failed: int, retry_after: float | None
) -> datetime.datetime | None:
    """When to try again after ``failed`` looks in a row that were not answered; None when it is given up.

    ``retry_after``: what the vendor asked for, in seconds.
    """
    if not settings.CDP_RECONCILIATION or now - unknown_since > GIVE_UP:
        return None
    seconds = min(FIRST_RETRY * 2 ** min(failed - 1, 20), LONGEST_RETRY)
    return now + datetime.timedelta(seconds=max(_spread(seconds), retry_after or 0.0))


def _spread(seconds: float) -> float:
    return seconds * (1 + random.uniform(0, JITTER))  # noqa: S311  # no secret
