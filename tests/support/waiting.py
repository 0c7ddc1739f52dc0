"""Waiting for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

CHECK_SECONDS = 0.1


def wait_for(true: Callable[[], object], seconds: float) -> bool:
    """Whether ``true`` became true within that time (seconds)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(CHECK_SECONDS)
    return bool(true())
