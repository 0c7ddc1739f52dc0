"""Threads that send the rows of confirmed lists: ``BATCH_THREADS`` of them, beside the worker's duties."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from django.conf import settings

from apps.batches.sending.run import send_next_due
from apps.cdp.factory import get_client
from consumerportal.repeating_threads import RunDuty, join, repeat, start

SEND_INTERVAL: Final = 0.2
"""Seconds until a thread looks again when nothing was due: the shortest pause between two rows."""
MARGIN: Final = 10.0
"""Seconds that a stopping worker waits for a row beyond the limit of its call, for the writes around it."""


def start_in_worker(
    stop: threading.Event, ready: threading.Event, run_duty: RunDuty
) -> list[threading.Thread]:
    """Start the threads. They end when ``stop`` is set, after the row that is being sent.

    ``ready``: set after the worker's first heartbeat, which shows that the database answers.
    """
    return [
        start(name, repeat, partial(run_duty, name, _send_all(stop.is_set)), SEND_INTERVAL, stop, ready)
        for name in (f"send_lists_{number + 1}" for number in range(settings.BATCH_THREADS))
    ]


def wait_for(threads: list[threading.Thread]) -> None:
    """Wait until the rows that are being sent have an outcome, which would otherwise be unknown."""
    join(threads, settings.CDP_TOTAL_TIMEOUT + MARGIN)


def _send_all(must_end: Callable[[], bool]) -> Callable[[], None]:
    """A duty that sends until nothing is due."""

    def send_all() -> None:
        while not must_end() and send_next_due(client=get_client(), stop=must_end):
            pass

    return send_all
