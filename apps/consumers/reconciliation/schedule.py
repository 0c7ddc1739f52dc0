"""When the checks of an unknown outcome are due: a few, at growing intervals with random variation."""

from __future__ import annotations

import datetime
import random

from django.conf import settings

JITTER = 0.1  # share of each wait, so that submissions of one outage are not checked in the same second
FIRST_RETRY, LONGEST_RETRY = 10.0, 3600.0  # seconds after a check that the vendor did not answer
GIVE_UP = datetime.timedelta(days=7)  # of checks that are not answered


def first_check(unknown_since: datetime.datetime) -> datetime.datetime | None:
    """When the first check is due; None if reconciliation is off."""
    return next_check(unknown_since, unknown_since)


def next_check(unknown_since: datetime.datetime, now: datetime.datetime) -> datetime.datetime | None:
    """The next of the configured times; None after the last one, or if reconciliation is off."""
    if not settings.CDP_RECONCILIATION:
        return None
    for seconds in sorted(settings.CDP_RECONCILIATION_AFTER):
        if unknown_since + datetime.timedelta(seconds=seconds) > now:
            return unknown_since + datetime.timedelta(seconds=_spread(seconds))
    return None


def retry(
    unknown_since: datetime.datetime, now: datetime.datetime, *, failed: int, asked: float
) -> datetime.datetime | None:
    """When to check again after ``failed`` checks in a row were not answered.

    After ``GIVE_UP`` only the configured times are left. ``asked``: the wait that the vendor asked for, in
    seconds; 0 if it did not.
    """
    if not settings.CDP_RECONCILIATION:
        return None
    if now - unknown_since > GIVE_UP:
        return next_check(unknown_since, now)
    seconds = min(FIRST_RETRY * 2 ** min(failed - 1, 20), LONGEST_RETRY)
    return now + datetime.timedelta(seconds=max(_spread(seconds), asked))


def _spread(seconds: float) -> float:
    return seconds * (1 + random.uniform(0, JITTER))  # noqa: S311  # no secret
