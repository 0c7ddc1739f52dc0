"""Pauses checks while the vendor does not answer them. One row, shared by all workers."""

from __future__ import annotations

import datetime
import random

from django.db.models import F, Q

from apps.cdp.errors import CdpError, CdpRateLimited, ErrorCode
from apps.consumers.models import CircuitBreaker

FAILURE_THRESHOLD = 3  # failures in a row that start a pause
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0  # seconds
LONGEST_ASKED = 3600.0  # seconds that are waited if the vendor asks for as many or more (Retry-After)
# Times that are further ahead, the end of a pause or a failure, are from before the clock was set back.
LATEST_END = datetime.timedelta(seconds=LONGEST_ASKED + 60)
LONGEST_CHECK = datetime.timedelta(seconds=60)
# Errors that are answers of the vendor: it is not down.
ANSWER_CODES = (
    ErrorCode.NOT_FOUND,
    ErrorCode.INVALID,
    ErrorCode.BAD_REFERENCE,
    ErrorCode.MALFORMED_ANSWER,
    ErrorCode.ANOTHER_RECORD,
    ErrorCode.LIST_TOO_LONG,
    ErrorCode.ANSWER_TOO_LARGE,
)


def state() -> CircuitBreaker:
    """The row; created if there is none."""
    return CircuitBreaker.objects.get_or_create(pk=1)[0]


def paused_until(now: datetime.datetime) -> datetime.datetime | None:
    """The end of the current pause; None if there is no pause."""
    until = state().paused_until
    return until if until is not None and now < until <= now + LATEST_END else None


def acquire(now: datetime.datetime) -> bool:
    """Acquire permission for one check. After a pause one check runs first and the others wait."""
    row = state()
    if row.paused_until is None:
        return True
    is_over = Q(paused_until__lte=now) | Q(paused_until__gt=now + LATEST_END)
    turn = CircuitBreaker.objects.filter(is_over, pk=1, paused_until=row.paused_until)
    return bool(turn.update(paused_until=now + datetime.timedelta(seconds=FIRST_PAUSE)))


def seconds_asked(error: CdpError) -> float:
    """The wait in seconds, at most an hour, that the vendor asked for with "too many requests"; otherwise 0.

    The wait of another answer, such as that of a proxy, could hold up all checks and lists for a day.
    """
    if not isinstance(error, CdpRateLimited):
        return 0.0
    return min(error.retry_after or 0.0, LONGEST_ASKED)


def record_success(began: datetime.datetime) -> None:
    """End the pause after the vendor answered a check that began at ``began``.

    If a check has failed since then, the pause stays.
    """
    before = Q(failed_at__isnull=True) | Q(failed_at__lte=began) | Q(failed_at__gt=began + LONGEST_CHECK)
    CircuitBreaker.objects.filter(before, ~Q(failures=0) | Q(paused_until__isnull=False), pk=1).update(
        failures=0, failed_at=None, error_code="", paused_until=None
    )


def record_failure(error: CdpError, now: datetime.datetime) -> None:
    """Count a check that was not answered, and pause when there are too many.

    Each further failure makes the pause longer. It is at least as long as :func:`seconds_asked` says.
    """
    if error.code in ANSWER_CODES:
        record_success(now)
        return
    state()
    CircuitBreaker.objects.filter(pk=1).update(
        failures=F("failures") + 1, failed_at=now, error_code=error.code
    )
    row = state()
    seconds = seconds_asked(error)
    if row.failures >= FAILURE_THRESHOLD:
        pause = min(FIRST_PAUSE * 2 ** min(row.failures - FAILURE_THRESHOLD, 10), LONGEST_PAUSE)
        seconds = max(seconds, pause * random.uniform(0.9, 1.1))  # noqa: S311  # no secret
    if seconds:
        until = now + datetime.timedelta(seconds=seconds)
        ends_earlier = Q(paused_until__isnull=True) | Q(paused_until__lt=until)  # never shorten a pause
        CircuitBreaker.objects.filter(ends_earlier, pk=1).update(paused_until=until)
