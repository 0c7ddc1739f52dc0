"""The time by which the portal decides and that it stores: on every machine that of the database.

On PostgreSQL each process measures, about once a minute, by how much the clock of its machine differs from
the database's (``clock_timestamp()`` and half of the round trip). Between two measurements the monotonic
clock counts on, so a step of the machine's clock changes nothing. On SQLite there is one machine, and its
clock is the time.

Limits within one process take ``time.monotonic`` and nothing of this. Times of events on PostgreSQL come from
the database itself (``audit.services``).
"""

from __future__ import annotations

import logging
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, InterfaceError, connection

logger = logging.getLogger(__name__)

MEASURE_SECONDS: Final = 60.0
"""Between two measurements. The monotonic clock drifts by less than 10 ms in it."""
RETRY_SECONDS: Final = 5.0
"""After a measurement that failed. Nobody waits for a database that is away more often than that."""
LONGEST_ROUND_TRIP: Final = 1.0
"""Seconds. A slower answer says less than the measurement before it: half of it is the possible error."""
TOLERANCE: Final = 2.0
"""Seconds by which a clock may differ before somebody is told. A machine that is kept in time differs by
milliseconds, and a measurement errs by half a second at most."""
STEP: Final = 1.0
"""Seconds by which the machine's clock has left the monotonic one: it was set, or the machine was asleep."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Measurement(NamedTuple):
    """What the database's clock said, and when."""

    at: float  # time.monotonic
    time: datetime  # of the database
    ahead: float  # seconds by which the machine's clock is ahead of the database's; negative: behind


_last: Measurement | None = None  # replaced as a whole, so threads need no lock
_tried_at = -math.inf  # time.monotonic


def now() -> datetime:
    """The time, in UTC. The first call of a process may ask the database; no later one does.

    Raises nothing: where the database cannot be asked it is the clock of the machine.
    """
    if _last is None and time.monotonic() - _tried_at >= RETRY_SECONDS:
        measure_if_due(connection)
    last = _last
    if last is None:
        return datetime.now(UTC)
    return last.time + timedelta(seconds=time.monotonic() - last.at)


def seconds() -> int:
    """Whole seconds since 1970-01-01T00:00:00Z."""
    return int(now().timestamp())


def microseconds() -> int:
    """Microseconds since 1970-01-01T00:00:00Z, as the audit log counts."""
    return (now() - _EPOCH) // timedelta(microseconds=1)


def last_measurement() -> Measurement | None:
    """The last one of this process; None before the first, and always on SQLite."""
    return _last


def measure_if_due(database: Any) -> bool:
    """Compare the clocks on this connection where that is due; whether it was done.

    Called for each connection that is taken (``core.apps``): it is in use anyway. Nothing is asked in the
    middle of a transaction, which a failure would spoil. Raises nothing.
    """
    global _last, _tried_at  # noqa: PLW0603  # one clock for the whole process is the point
    if database.vendor != "postgresql" or database.in_atomic_block or not _is_due():
        return False
    _tried_at = time.monotonic()  # first: other threads do not ask as well
    try:
        with database.cursor() as cursor:
            began, local = time.monotonic(), datetime.now(UTC)
            cursor.execute("SELECT clock_timestamp()")
            [told] = cursor.fetchone()
            ended = time.monotonic()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("clock_not_measured %s", type(error).__name__)
        return False
    if _last is not None and ended - began > LONGEST_ROUND_TRIP:
        return False
    half = (ended - began) / 2
    _last = Measurement(began + half, told, ahead=(local - told).total_seconds() + half)
    return True


def _is_due() -> bool:
    last, monotonic = _last, time.monotonic()
    if last is None:  # whatever failed before: nothing is decided by the machine's clock if it can be helped
        return True
    if monotonic - _tried_at < RETRY_SECONDS:
        return False
    counted_on = last.time + timedelta(seconds=last.ahead + monotonic - last.at)
    stepped = abs((datetime.now(UTC) - counted_on).total_seconds()) > STEP
    return stepped or monotonic - last.at >= MEASURE_SECONDS


def seconds_since_written(path: Path) -> float:
    """Seconds since the file was written. Its machine stamped it, so here the machine's clock is right.

    Raises ``OSError``.
    """
    return time.time() - path.stat().st_mtime
