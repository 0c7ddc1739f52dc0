"""Threads that watch the causes of notices and send them: one to watch, one for each channel.

They run beside the worker's duties, so that a slow receiver delays none of them and no other channel. While
no worker has a current heartbeat, which it cannot report itself, the web processes do the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from django.conf import settings
from django.db import close_old_connections

from apps.core import heartbeats
from apps.core.connections import is_database_unavailable
from apps.notices import watching
from apps.notices.channels import Sender, senders
from apps.notices.delivering import Deliverer
from consumerportal import repeating_threads
from consumerportal.repeating_threads import RunDuty, repeat, start

logger = logging.getLogger(__name__)

WATCH_INTERVAL: Final = 10.0  # seconds
SEND_INTERVAL: Final = 2.0
WEB_INTERVAL: Final = 15.0
STOP_SECONDS: Final = 40.0
"""How long a stopping worker waits for attempts that have begun: longer than their limits. A name that is not
resolved may take longer; nothing has been sent then."""

Duty = tuple[str, Callable[[], object], float]
"""The name, what to run, and the seconds between two runs."""


def start_in_worker(
    stop: threading.Event, ready: threading.Event, run_duty: RunDuty
) -> list[threading.Thread]:
    """Start the threads; none if no channel is on. They end when ``stop`` is set.

    ``ready``: set after the worker's first heartbeat, without which it would count as silent.
    """
    on = senders()
    if not on:
        run_duty("watch_notices", watching.stop_watching)
        return []
    return [
        start(name, repeat, partial(run_duty, name, duty), interval, stop, ready)
        for name, duty, interval in duties(stop.is_set)
    ]


def join(threads: list[threading.Thread]) -> None:
    """Wait until attempts that have begun are completed; otherwise they would be repeated."""
    repeating_threads.join(threads, STOP_SECONDS)


def duties(must_end: Callable[[], bool]) -> Iterator[Duty]:
    """To watch, and to send over each channel that is on. ``must_end``: asked before each attempt."""
    yield "watch_notices", watching.watch, WATCH_INTERVAL
    for one in senders():
        yield f"send_notices_{one.channel.value}", _send_all(one, must_end), SEND_INTERVAL


def _send_all(sender: Sender, must_end: Callable[[], bool]) -> Callable[[], None]:
    """A duty that sends over this channel until nothing is due."""
    deliverer = Deliverer(sender)

    def send_all() -> None:
        while not must_end() and deliverer.send_due():
            pass

    return send_all


def start_in_web(is_alive: Callable[[], bool]) -> list[threading.Thread]:
    """Start the same threads in a web process, if a channel is on. They do nothing while a worker runs."""
    if not senders():
        return []
    return [
        start(f"web_{name}", _stand_in_while, is_alive, name, duty)
        for name, duty, _interval in duties(lambda: not is_alive() or _worker_runs())
    ]


def _stand_in_while(is_alive: Callable[[], bool], name: str, duty: Callable[[], object]) -> None:
    """Stand in for a silent worker as long as the process is alive.

    Not in the first seconds: after an upgrade, web processes may start before the worker.
    """
    began = time.monotonic()
    while is_alive():
        if time.monotonic() - began >= settings.WORKER_SILENT_SECONDS:
            stand_in(name, duty)
        time.sleep(WEB_INTERVAL)


def stand_in(name: str, duty: Callable[[], object]) -> None:
    """Run a duty once, if no worker has a current heartbeat. Raises nothing: it runs again."""
    try:
        if not _worker_runs():
            duty()
    except Exception as error:  # the next round must follow
        if is_database_unavailable(error):
            logger.warning("notices_wait_for_the_database")
        else:
            logger.exception("notices_duty_failed %s", name)
    finally:
        close_old_connections()


def _worker_runs() -> bool:
    return bool(heartbeats.current(heartbeats.WORKER))
