"""How many calls to the vendor a process makes at a time: a slow vendor must not take every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.cdp.errors import CdpBusy

UNLIMITED = 1_000_000


class Slots:
    """A number of calls that may be under way at once. Nobody waits: without a free slot there is no call."""

    def __init__(self, limit: int = UNLIMITED) -> None:
        """Raises `ValueError` for a limit below 1."""
        if limit < 1:
            raise ValueError("at least one call has to be possible")
        self._free = threading.BoundedSemaphore(limit)
        self._held = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one slot. A thread that holds one already keeps to it. Raises `CdpBusy` where none is free."""
        if getattr(self._held, "yes", False):
            yield
            return
        if not self._free.acquire(blocking=False):
            raise CdpBusy
        self._held.yes = True
        try:
            yield
        finally:
            self._held.yes = False
            self._free.release()
