"""Measure several browsers at the same time."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence

from benchmarks.figures import Samples
from tests.support.http_browser import TIMEOUT_SECONDS, Browser, UnexpectedAnswer

WARM_UP = 8  # requests per client before the measurement: both workers have then loaded their modules


def measure(browsers: Sequence[Browser], act: Callable[[Browser], object], count: int) -> Samples:
    """Let all browsers act ``count`` times altogether, at the same time; each act is timed.

    Raises the first error of any of them.
    """
    each = count // len(browsers)
    seconds: list[float] = []
    errors: list[Exception] = []
    start = threading.Barrier(len(browsers) + 1)

    def work(browser: Browser) -> None:
        try:
            browser.reconnect()
            for _ in range(WARM_UP):
                act(browser)
            start.wait(TIMEOUT_SECONDS)
            for _ in range(each):
                began = time.perf_counter()
                act(browser)
                seconds.append(time.perf_counter() - began)
        except (OSError, http.client.HTTPException, UnexpectedAnswer, threading.BrokenBarrierError) as error:
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=[browser]) for browser in browsers]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    try:
        start.wait(TIMEOUT_SECONDS)
        began = time.perf_counter()
    except threading.BrokenBarrierError:  # another thread failed: its error is in the list
        pass
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if errors:
        raise errors[0]
    return Samples(tuple(seconds), elapsed, warm_ups=WARM_UP * len(browsers))
