"""Faults on the wire: every kind, in an order shuffled by a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.faults.table import ROWS, Row
from tests.faults.storm.vendor import Vendor

OFTEN = 0.65  # share of the entries before which a fault is armed
READS_TOO = 0.02  # share of the entries before which the reading of an order is disturbed
MAX_ARMED = 6  # limit for armed faults
READ_FAULTS = ("500_before", "503_html_before", "hang_up_before", "404", "404_html", "no_answer_before")
MISREADINGS = ("another_consumer_after", "known_ref")


class Weather:
    """Arms a fault for the next request; the sandbox's log shows which request got it."""

    def __init__(self, vendor: Vendor, seed: int, *, rows: tuple[Row, ...] = ROWS) -> None:
        self.armed: Counter[str] = Counter()
        self._vendor = vendor
        self._random = random.Random(f"weather {seed}")
        self._deck = self._shuffled(rows)
        self._lock = threading.Lock()
        self._over = False

    def blow(self) -> None:
        """Called by a person before a post: arms a fault at random."""
        with self._lock:
            if self._over:
                return
            if self._random.random() < READS_TOO:
                fault = self._random.choice(READ_FAULTS)
                self._vendor.arm(fault=fault, operation="list_order_consumers", seconds=4)
            if self._random.random() < READS_TOO:
                fault = self._random.choice(MISREADINGS)
                self._vendor.arm(fault=fault, operation="retrieve_order_consumer")
            if self._random.random() < OFTEN and len(self._vendor.armed()) < MAX_ARMED:
                fault, facts = next(self._deck)
                self._vendor.arm(fault=fault, **facts)
                self.armed[fault] += 1

    def end(self) -> None:
        """Arm no fault from now on."""
        with self._lock:
            self._over = True
            self._vendor.clear()

    def _shuffled(self, rows: tuple[Row, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            for row in self._random.sample(rows, len(rows)):
                yield row.fault, self._facts(row)

    def _facts(self, row: Row) -> dict[str, Any]:
        """The length of its pause, in seconds: some within the portal's limits, some beyond."""
        if row.fault == "refuse":
            return {"seconds": self._random.choice((0.3, 0.6))}
        if row.fault in ("slow", "late_work"):
            return {"seconds": self._random.choice((0.3, 0.8, 2.5, 5.0))}
        if row.fault.startswith("no_answer"):
            return {"seconds": 6}
        if row.fault.startswith("drip"):
            return {"seconds": 0.3}
        return {}
