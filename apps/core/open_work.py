"""What a person leaves open when their access ends: each app counts its own.

Apps cannot import each other freely, so the page that ends access asks this registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenWork:
    """A kind of open work of a person. ``text``: how much; ``consequence``: what happens to it."""

    text: str
    consequence: str


Counter = Callable[[int], Sequence[OpenWork]]
_counters: dict[str, Counter] = {}


def register(app: str, counter: Counter) -> None:
    """Register an app's function that counts the open work of the person with an id.

    Called from ``ready()``; replaces an earlier one of the app.
    """
    _counters[app] = counter


def open_work(person_id: int) -> list[OpenWork]:
    """The open work of a person, without kinds of none."""
    return [work for counter in _counters.values() for work in counter(person_id)]
