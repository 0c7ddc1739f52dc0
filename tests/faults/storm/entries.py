"""The entries that people type: a new person each time, marked with a unique identifier on the wire."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

FAMILY, FAMILY_OFTEN = 3, 0.04  # people who use the same order in turn, and how often
SLOW_SECONDS = 5.0
TWINS_OFTEN = 0.01  # the same person with another identifier, on the same order at the same time


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry for the form. ``key`` is sent as an identifier, which the vendor's matching ignores."""

    key: str
    order: str
    first_name: str
    last_name: str

    @property
    def email(self) -> str:
        """The e-mail address."""
        return f"{self.last_name.lower()}@example.com"

    def typed(self) -> dict[str, str]:
        """The values of the form's fields."""
        return {
            "order_ref": self.order,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "date_of_birth": "7 3 1991",
            "emails-TOTAL_FORMS": "1",
            "emails-INITIAL_FORMS": "0",
            "emails-0-value": self.email,
            "identifiers-TOTAL_FORMS": "1",
            "identifiers-INITIAL_FORMS": "0",
            "identifiers-0-provider": "ProfileSystem",
            "identifiers-0-id": self.key,
        }

    def corrected(self, order: str) -> Entry:
        """The entry for another order, after a rejection."""
        return replace(self, key=f"{self.key}-again", order=order, last_name=f"{self.last_name}-Again")


def key_in(body: str) -> str:
    """The key in the body of a request; empty if there is none."""
    identifiers = json.loads(body).get("identifiers") or [{}]
    return str(identifiers[0].get("id", ""))


@dataclass
class Pile:
    """The entries that are still to be made. Thread-safe."""

    orders: Sequence[str]
    wanted: int
    seed: int
    goes_on: Callable[[], bool] = lambda: False  # whether more than the wanted entries are made, slowly
    per_order: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(f"entries {self.seed}")
        self._lock = threading.Lock()
        self.made = 0
        self._orders = iter(self.orders)
        self._waiting: list[Entry] = []

    def next(self) -> Entry | None:
        """The next entry; None once the wanted number has been handed out."""
        if self.made > self.wanted / 2 and self.goes_on():
            time.sleep(SLOW_SECONDS)
        with self._lock:
            if self.made >= self.wanted and not self.goes_on():
                return None
            if not self._waiting:
                self._waiting = self._group()
            self.made += 1
            return self._waiting.pop(0)

    def correction(self, entry: Entry) -> Entry:
        """The corrected entry after a rejection."""
        with self._lock:
            return entry.corrected(self._order())

    def _group(self) -> list[Entry]:
        order, chance, number = self._order(), self._random.random(), self.made
        if chance < TWINS_OFTEN:
            one = Entry(f"K-{number}-0", order, "Twin", f"Storm-{number}")
            group = [one, replace(one, key=f"K-{number}-1")]
        elif chance < TWINS_OFTEN + FAMILY_OFTEN:
            group = [
                Entry(f"K-{number}-{n}", order, f"Child-{n}", f"Storm-{number}-{n}") for n in range(FAMILY)
            ]
        else:
            group = [Entry(f"K-{number}-0", order, "Aoife", f"Storm-{number}")]
        self.per_order[order] += len(group)
        return group

    def _order(self) -> str:
        return next(self._orders)
