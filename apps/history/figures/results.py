"""What the figures are: counts of submissions, as values."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from apps.consumers.models import Outcome

ANSWER_EDGES = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # milliseconds
LONGEST_TOLD = 100_000  # milliseconds
AGE_EDGES = (dt.timedelta(0), dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(weeks=1))


class Unit(Enum):
    """How much time one bar stands for."""

    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Bar:
    """The submissions from the beginning of one day to the end of another, of the reader's zone."""

    first: dt.date
    last: dt.date
    outcomes: Mapping[Outcome, int]  # each of them, also where there is none

    @property
    def total(self) -> int:
        """Whatever came of them."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Person:
    """What one person submitted. Without an id: all the ``people`` that are not named."""

    id: str
    name: str
    total: int
    created: int
    people: int = 1

    @property
    def others(self) -> int:
        """Of any other outcome."""
        return self.total - self.created


@dataclass(frozen=True, slots=True)
class Reason:
    """How often a failure had this error code."""

    outcome: Outcome
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Answered:
    """How many were answered within a span of milliseconds: ``least`` to under ``under`` (None: or more)."""

    least: int
    under: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Time to answer. Half of them stayed under ``half_under`` milliseconds, told to two digits.

    None where there is none, and beyond :data:`LONGEST_TOLD`.
    """

    spans: tuple[Answered, ...] = ()
    half_under: int | None = None
    most_under: int | None = None  # 95 of 100

    @property
    def total(self) -> int:
        """All that were answered, or given up after a known time."""
        return sum(span.count for span in self.spans)


@dataclass(frozen=True, slots=True)
class Open:
    """Unknown outcomes by the time since they were sent, each from one of the ages to under the next."""

    ages: tuple[int, ...] = (0,) * len(AGE_EDGES)
    oldest_id: uuid.UUID | None = None
    oldest_at: dt.datetime | None = None
    elsewhere: int = 0  # that the reader may see, but did not ask for

    @property
    def total(self) -> int:
        """Of any age."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one selection comes to."""

    unit: Unit = Unit.DAY
    bars: tuple[Bar, ...] = ()
    people: tuple[Person, ...] = ()
    reasons: tuple[Reason, ...] = ()
    answers: Answers = field(default_factory=Answers)
    open: Open = field(default_factory=Open)

    @property
    def total(self) -> int:
        """All submissions of the selection."""
        return sum(bar.total for bar in self.bars)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How often each outcome that occurs does, in the order in which they are declared."""
        sums = {outcome: sum(bar.outcomes[outcome] for bar in self.bars) for outcome in Outcome}
        return {outcome: number for outcome, number in sums.items() if number}
