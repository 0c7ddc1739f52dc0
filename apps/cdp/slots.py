"""The limit of simultaneous calls of a process, so that a slow vendor does not occupy every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.cdp.errors import CdpBusy

UNLIMITED = 1_000_000


class Slots:
    """A fixed number of slots for simultaneous calls. A call without a free slot fails; it does not wait."""

    def __init__(self, limit: int = UNLIMITED) -> None:
        """Raises `ValueError` for a limit below 1."""
        if limit < 1:
            raise ValueError("at least one call has to be possible")
        self._free = threading.BoundedSemaphore(limit)
        self._thread = threading.local()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one slot; nested uses in a thread share it. Raises `CdpBusy` if no slot is free."""
        if getattr(self._thread, "has_slot", False):
            yield
            return
        if not self._free.acquire(blocking=False):
            raise CdpBusy
        self._thread.has_slot = True
        try:
            yield
        finally:
            self._thread.has_slot = False
            self._free.release()
