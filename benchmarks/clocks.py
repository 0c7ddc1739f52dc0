"""The clock of a benchmark's requests: elapsed time, or processor time for a machine that others use too.

``BENCH_CLOCK=processor`` chooses the second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.db import connection

_IS_PROCESSOR: Final = os.environ.get("BENCH_CLOCK") == "processor"
NAME: Final = "processor time" if _IS_PROCESSOR else "elapsed time"
"""What the clock measures, for a benchmark's heading."""


def request_clock() -> Callable[[], float]:
    """The chosen clock, in seconds. Call it after a first request, which opens the database connections."""
    return _processor_clock() if _IS_PROCESSOR else time.perf_counter


def _processor_clock() -> Callable[[], float]:
    """A clock of the processor seconds of this process and, on PostgreSQL, of its connections' processes.

    PostgreSQL has to run on this machine, and this process may have to be run by the superuser.
    """
    if connection.vendor != "postgresql":
        return time.process_time
    with connection.cursor() as cursor:
        # Not an autovacuum of the same database: its process ends.
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        statistics = [Path(f"/proc/{pid}/schedstat") for (pid,) in cursor.fetchall()]

    def seconds() -> float:
        return time.process_time() + sum(int(path.read_text().split()[0]) for path in statistics) / 1e9

    return seconds
