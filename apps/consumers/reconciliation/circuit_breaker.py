"""A pause for look-ups while the vendor does not answer them; one row, shared by all workers."""

from __future__ import annotations

import datetime
import random

from django.db.models import F, Q

from apps.cdp.errors import CdpError
from apps.consumers.models import CircuitBreaker

PATIENCE = 3  # failures in a row before there is a pause
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 900.0  # seconds
# The vendor answered: whatever it said, it is not down.
ANSWERED = (
    "not_found",
    "invalid",
    "bad_reference",
    "malformed_answer",
    "another_record",
    "list_too_long",
    "answer_too_large",
)


def pace() -> CircuitBreaker:
    """The row; a new one where there is none yet."""
    return CircuitBreaker.objects.get_or_create(pk=1)[0]


def paused_until(now: datetime.datetime) -> datetime.datetime | None:
    """The end of the pause; None where there is none now."""
    until = pace().paused_until
    return until if until is not None and until > now else None


def take_turn(now: datetime.datetime) -> bool:
    """Whether a look may be taken now. After a pause one look goes ahead, and the others wait for it."""
    row = pace()
    if row.paused_until is None:
        return True
    turn = Q(paused_until=row.paused_until, paused_until__lte=now)
    ahead = now + datetime.timedelta(seconds=FIRST_PAUSE)
    return bool(CircuitBreaker.objects.filter(turn, pk=1).update(paused_until=ahead))


def note_answered(began: datetime.datetime) -> None:
    """The vendor answered a look that began then: no pause any more, unless another look failed since."""
    before = Q(failed_at__isnull=True) | Q(failed_at__lte=began)
    CircuitBreaker.objects.filter(before, ~Q(failures=0) | Q(paused_until__isnull=False), pk=1).update(
        failures=0, failed_at=None, error_code="", paused_until=None
    )


def note_failed(error: CdpError, now: datetime.datetime) -> None:
    """A look was not answered. The pause gets longer with each, and is what the vendor asks for at least."""
    if error.code in ANSWERED:
        note_answered(now)
        return
    pace()
    CircuitBreaker.objects.filter(pk=1).update(
        failures=F("failures") + 1, failed_at=now, error_code=error.code
    )
    row = pace()
    seconds = error.retry_after or 0.0
    if row.failures >= PATIENCE:
        pause = min(FIRST_PAUSE * 2 ** min(row.failures - PATIENCE, 10), LONGEST_PAUSE)
        seconds = max(seconds, pause * random.uniform(0.9, 1.1))  # noqa: S311  # no secret
    if seconds:
        until = now + datetime.timedelta(seconds=seconds)
        sooner = Q(paused_until__isnull=True) | Q(paused_until__lt=until)  # a longer pause stays
        CircuitBreaker.objects.filter(sooner, pk=1).update(paused_until=until)
