"""The clock for decisions and stored times: the database's clock, on every machine.

On PostgreSQL each process measures about once a minute how far its machine's clock differs from the
database's (``clock_timestamp()`` and half of the round trip). Between two measurements it adds the machine's
uptime, so a change of the machine's clock has no effect. On SQLite the machine's clock is used.

Time limits inside one process use ``time.monotonic``. Times of audit events on PostgreSQL come from the
database itself (``audit.recording``).
"""

from __future__ import annotations

import logging
import math
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db import connection

from apps.core.connections import DATABASE_ERRORS

logger = logging.getLogger(__name__)

MEASURE_INTERVAL: Final = 60.0
"""Seconds between two measurements. The uptime drifts by less than 10 ms in that time."""
RETRY_INTERVAL: Final = 5.0
"""Seconds after a failed measurement, so that an unavailable database does not delay every call."""
MAX_ROUND_TRIP: Final = 1.0
"""Seconds. Half of the round trip is the possible error, so a slower answer is ignored."""
TOLERANCE: Final = 2.0
"""Seconds by which a clock may differ before the status page reports it. A synchronised clock differs by
milliseconds, and a measurement is wrong by half a second at most."""
STEP_THRESHOLD: Final = 1.0
"""Seconds of difference to the uptime that show that the machine's clock was set, or that a virtual machine
was paused, which its uptime does not count."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Measurement(NamedTuple):
    """A reading of the database's clock."""

    at: float  # uptime
    time: datetime  # of the database
    ahead: float  # seconds by which the machine's clock is ahead of the database's; negative if behind
    error: float = 0.0  # possible error in seconds: half of the round trip


_last: Measurement | None = None  # replaced in one assignment, so threads need no lock
_tried_at = -math.inf  # uptime


def uptime() -> float:
    """Seconds on a clock that cannot be set. On Linux it also counts while the machine is suspended.

    ``time.monotonic`` does not. After a suspension, a create could still be sent with it although its
    deadline had passed for every other machine.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)  # clock_gettime(2)
    return time.monotonic()


def now() -> datetime:
    """The current time in UTC. Only the first call in a process may query the database.

    Raises nothing: if the database does not answer, the machine's clock is used.
    """
    if _last is None and uptime() - _tried_at >= RETRY_INTERVAL:
        measure_if_due(connection)
    last = _last
    if last is None:
        return datetime.now(UTC)
    return last.time + timedelta(seconds=uptime() - last.at)


def seconds() -> int:
    """Whole seconds since 1970-01-01T00:00:00Z."""
    return int(now().timestamp())


def microseconds() -> int:
    """Microseconds since 1970-01-01T00:00:00Z, the unit of the audit log."""
    return to_microseconds(now())


def to_microseconds(moment: datetime) -> int:
    """A time, which has a zone, in the unit of :func:`microseconds`."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(number: int) -> datetime:
    """The time in UTC of such a number. Raises ``OverflowError`` outside the calendar.

    Raises ``TypeError`` if a stored value was altered and is not a number.
    """
    return _EPOCH + timedelta(microseconds=number)


def last_measurement() -> Measurement | None:
    """The latest measurement of this process; None before the first one, and always on SQLite."""
    return _last


def measure_if_due(database: Any) -> bool:
    """Measure the clock over this connection if a measurement is due; whether there is a new measurement.

    Called for each new connection (``core.apps``). Does nothing inside a transaction, which a failed query
    would break. Raises nothing.
    """
    global _last, _tried_at  # noqa: PLW0603  # one clock for the whole process is the point
    if database.vendor != "postgresql" or database.in_atomic_block or not _is_due():
        return False
    _tried_at = uptime()  # set first, so that other threads do not measure as well
    try:
        with database.cursor() as cursor:
            began, local = uptime(), datetime.now(UTC)
            cursor.execute("SELECT pg_catalog.clock_timestamp()")
            [database_time] = cursor.fetchone()
            ended = uptime()
    except DATABASE_ERRORS as error:
        logger.warning("clock_not_measured %s", type(error).__name__)
        return False
    half = (ended - began) / 2
    if _last is not None and half > MAX_ROUND_TRIP / 2 and half >= _last.error:
        return False
    ahead = (local - database_time).total_seconds() + half
    _last = Measurement(began + half, database_time, ahead, half)
    return True


def _is_due() -> bool:
    """Whether to measure now: before the first success, after a step of the clock, or by interval."""
    last, at = _last, uptime()
    if last is None:  # also soon after a failure: the machine's clock is the last resort
        return True
    if at - _tried_at < RETRY_INTERVAL:
        return False
    counted_on = last.time + timedelta(seconds=last.ahead + at - last.at)
    stepped = abs((datetime.now(UTC) - counted_on).total_seconds()) > STEP_THRESHOLD
    is_imprecise = last.error > MAX_ROUND_TRIP / 2  # a slow first answer is better than none
    return stepped or is_imprecise or at - last.at >= MEASURE_INTERVAL


def seconds_since_written(path: Path) -> float:
    """Seconds since the file was written, by the clock of this machine, which set the file's time.

    Raises ``OSError``.
    """
    return time.time() - path.stat().st_mtime
