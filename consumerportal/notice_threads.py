"""Threads that watch the causes of notices and send them: one to watch, one for each channel.

They run beside the worker's duties, so that a slow receiver delays none of them and no other channel. While
no worker gives a sign of life, which it cannot tell itself, the web processes do the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from django.conf import settings
from django.db import close_old_connections, connections

from apps.core import heartbeats
from apps.core.connections import is_database_unavailable
from apps.notices import watching
from apps.notices.channels import Sender, senders
from apps.notices.delivering import Deliverer

logger = logging.getLogger(__name__)

WATCH_INTERVAL: Final = 10.0  # seconds
SEND_INTERVAL: Final = 2.0
READY_INTERVAL: Final = 0.5
WEB_INTERVAL: Final = 15.0
STOP_SECONDS: Final = 40.0
"""How long a stopping worker waits for attempts that have begun. Longer than any of them may take."""

RunDuty = Callable[[str, Callable[[], object]], object]


def start_in_worker(
    stop: threading.Event, ready: threading.Event, run_duty: RunDuty
) -> list[threading.Thread]:
    """Start the threads; none if no channel is on. They end when ``stop`` is set.

    ``ready``: set after the worker's first heartbeat, without which it would count as silent. ``run_duty``:
    runs one duty, and logs and reports its failure.
    """
    on = senders()
    if not on:
        run_duty("watch_notices", watching.stop_watching)
        return []
    duties: list[tuple[str, Callable[[], object], float]] = [
        ("watch_notices", watching.watch, WATCH_INTERVAL),
        *((f"send_notices_{one.channel.value}", _send_all(one, stop), SEND_INTERVAL) for one in on),
    ]
    threads = [
        threading.Thread(
            target=_repeat,
            args=(partial(run_duty, name, duty), interval, stop, ready),
            name=name,
            daemon=True,
        )
        for name, duty, interval in duties
    ]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    """Wait until attempts that have begun are completed: cut short, they would be repeated."""
    end = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))


def _send_all(sender: Sender, stop: threading.Event) -> Callable[[], None]:
    """A duty that sends over this channel until nothing is due."""
    deliverer = Deliverer(sender)

    def send_all() -> None:
        while not stop.is_set() and deliverer.send_due():
            pass

    return send_all


def _repeat(
    run: Callable[[], object], interval: float, stop: threading.Event, ready: threading.Event
) -> None:
    try:
        while not stop.is_set() and not ready.wait(READY_INTERVAL):
            pass
        while not stop.is_set():
            run()
            stop.wait(interval)
    finally:
        connections.close_all()


def start_in_web(is_alive: Callable[[], bool]) -> None:
    """Start the thread of a web process, if a channel is on. It does nothing while a worker runs."""
    if senders():
        threading.Thread(target=_stand_in_while, args=(is_alive,), name="web-notices", daemon=True).start()


def _stand_in_while(is_alive: Callable[[], bool]) -> None:
    """Stand in for a silent worker as long as the process is alive.

    Not in the first seconds: after an upgrade, web processes may start before the worker.
    """
    deliverers = [Deliverer(one) for one in senders()]
    began = time.monotonic()
    while is_alive():
        if time.monotonic() - began >= settings.WORKER_SILENT_SECONDS:
            stand_in(deliverers)
        time.sleep(WEB_INTERVAL)


def stand_in(deliverers: list[Deliverer]) -> None:
    """Watch and send once, if no worker gives a sign of life. Raises nothing: it runs again."""
    try:
        if heartbeats.current(heartbeats.WORKER):
            return
        watching.watch()
        for one in deliverers:
            while one.send_due():
                pass
    except Exception as error:  # the next round must follow
        if is_database_unavailable(error):
            logger.warning("notices_wait_for_the_database")
        else:
            logger.exception("notices_not_watched")
    finally:
        close_old_connections()
