"""The limit of simultaneous calls of a process, so that a slow vendor does not occupy every thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.cdp.errors import CdpBusy

UNLIMITED = 1_000_000


class Slots:
    """A fixed number of slots for simultaneous calls. A call without a free slot fails; it does not wait.

    Look-ups and checks may use three quarters of the slots, so that a create still finds one while a slow
    vendor holds all of theirs. With a single slot, both share it.
    """

    def __init__(self, limit: int = UNLIMITED) -> None:
        """Raises `ValueError` for a limit below 1."""
        if limit < 1:
            raise ValueError("at least one call has to be possible")
        self._free = threading.BoundedSemaphore(limit)
        self._free_for_lookups = threading.BoundedSemaphore(max(limit - max(limit // 4, 1), 1))
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

    @contextmanager
    def hold_for_lookup(self) -> Iterator[None]:
        """Hold one slot of those for look-ups; as :meth:`hold`. Raises `CdpBusy` if none of them is free."""
        if getattr(self._thread, "has_slot", False):
            yield
            return
        if not self._free_for_lookups.acquire(blocking=False):
            raise CdpBusy
        try:
            with self.hold():
                yield
        finally:
            self._free_for_lookups.release()
