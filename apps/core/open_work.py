"""What a person leaves open when their access ends or a role is revoked: each app counts its own.

Apps cannot import each other freely, so the page of a person and the page that ends access ask this registry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenWork:
    """A kind of open work of a person. ``text``: how much; ``consequence``: what happens to it."""

    text: str
    consequence: str


Counter = Callable[[int], Sequence[OpenWork]]
StoppedCounter = Callable[[int, Collection[str]], Sequence[OpenWork]]
_counters: dict[str, Counter] = {}
_stopped_counters: dict[str, StoppedCounter] = {}


def register(app: str, counter: Counter, stopped: StoppedCounter | None = None) -> None:
    """Register an app's function that counts the open work of the person with an id.

    ``stopped``: counts what of it stops if the person has only certain permissions left.
    Called from ``ready()``; replaces earlier ones of the app.
    """
    _counters[app] = counter
    if stopped is not None:
        _stopped_counters[app] = stopped


def open_work(person_id: int) -> list[OpenWork]:
    """The open work of a person. Kinds without any are left out."""
    return [work for counter in _counters.values() for work in counter(person_id)]


def stopped_work(person_id: int, permissions: Collection[str]) -> list[OpenWork]:
    """The open work that stops if the person has only these permissions. Kinds without any are left out."""
    return [work for counter in _stopped_counters.values() for work in counter(person_id, permissions)]
