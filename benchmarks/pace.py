"""Requests at a fixed rate, and the highest acceptable rate."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

from tests.support.http_browser import Answer

LIMIT = 0.1  # seconds: the limit for p95 of the form page
FIRST_RATE, LAST_RATE, HALVINGS = 8.0, 256.0, 2


@dataclass(frozen=True, slots=True)
class Timed:
    """The duration of one request in seconds, and its status: 0 if no answer came."""

    seconds: float
    status: int


def paced(act: Callable[[], Answer], per_second: float, seconds: float) -> list[Timed]:
    """Start so many requests per second, without waiting for earlier ones; returns when all have ended."""
    results: list[Timed] = []

    def do() -> None:
        began, status = time.perf_counter(), 0
        with suppress(OSError, HTTPException):
            status = act().status
        results.append(Timed(time.perf_counter() - began, status))

    threads = [threading.Thread(target=do, daemon=True) for _ in range(round(per_second * seconds))]
    start = time.perf_counter()
    for number, thread in enumerate(threads):
        time.sleep(max(start + number / per_second - time.perf_counter(), 0))
        thread.start()
    for thread in threads:
        thread.join()
    return results


def highest_rate(step: Callable[[float], tuple[float, int]]) -> str:
    """The highest rate of creates per second with p95 of the form page below the limit, as text.

    ``step`` tests a rate: it returns p95 in seconds, and the number of failed creates. The rate is doubled
    until one is too high, then the gap is halved a few times.
    """
    good, bad = 0.0, math.inf
    best, worst = "none", ""
    rate, halvings = FIRST_RATE, 0
    while rate <= LAST_RATE and halvings <= HALVINGS:
        p95, failed = step(rate)
        if p95 < LIMIT and not failed:
            good, best = rate, f"{rate:g} ({_milliseconds(p95)})"
        else:
            bad, worst = rate, f"; at {rate:g}: {f'{failed} failed' if failed else _milliseconds(p95)}"
        halvings += bad < math.inf
        rate = good * 2 if bad == math.inf else (good + bad) / 2
    return best + worst


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < math.inf else "pages failed"
