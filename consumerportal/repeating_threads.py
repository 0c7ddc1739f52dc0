"""Threads that repeat a duty beside the worker's own, so that a slow one delays none of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from django.db import connections

READY_INTERVAL: Final = 0.5  # seconds

RunDuty = Callable[[str, Callable[[], object]], object]
"""Runs a duty of this name; logs and reports its failure, and raises nothing."""


def start(name: str, target: Callable[..., None], *args: object) -> threading.Thread:
    """Start a thread that does not keep the process alive."""
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    thread.start()
    return thread


def repeat(run: Callable[[], object], interval: float, stop: threading.Event, ready: threading.Event) -> None:
    """Run again and again, ``interval`` seconds after the last time, from ``ready`` until ``stop`` is set."""
    try:
        while not stop.is_set() and not ready.wait(READY_INTERVAL):
            pass
        while not stop.is_set():
            run()
            stop.wait(interval)
    finally:
        connections.close_all()


def join(threads: list[threading.Thread], seconds: float) -> None:
    """Wait for the threads to end, together at most so many seconds."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0.0))
