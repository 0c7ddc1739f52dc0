"""Waiting for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

CHECK_SECONDS = 0.05
LONGEST_SECONDS = 60.0  # for an event that takes milliseconds, on a busy machine


def wait_for(true: Callable[[], object], seconds: float) -> bool:
    """Whether ``true`` became true within that time (seconds)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(CHECK_SECONDS)
    return bool(true())


def wait_until(true: Callable[[], object], seconds: float = LONGEST_SECONDS, what: str = "") -> None:
    """Wait until ``true`` is true. Raises ``AssertionError`` with ``what`` after that time (seconds)."""
    assert wait_for(true, seconds), f"Not within {seconds:g} s{what and ': '}{what}"
