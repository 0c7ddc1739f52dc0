"""The values of the figures: counts of submissions."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from apps.consumers.models import Outcome

ANSWER_EDGES = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # milliseconds
MAX_DURATION = 100_000  # milliseconds
AGE_EDGES = (dt.timedelta(0), dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(weeks=1))


class Unit(Enum):
    """The period of one bar."""

    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Bar:
    """The submissions from ``first`` to ``last``, both included, as days in the reader's time zone."""

    first: dt.date
    last: dt.date
    outcomes: Mapping[Outcome, int]  # every outcome, with 0 if there are none

    @property
    def total(self) -> int:
        """The submissions of all outcomes."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Person:
    """The submissions of one person. With an empty id: those of all ``people`` who are not listed."""

    id: str
    name: str
    total: int
    created: int
    people: int = 1

    @property
    def others(self) -> int:
        """The submissions with another outcome than created."""
        return self.total - self.created


@dataclass(frozen=True, slots=True)
class Reason:
    """The number of failures with this outcome and error code."""

    outcome: Outcome
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The number answered in ``least`` to below ``under`` milliseconds. ``under`` None: no upper bound."""

    least: int
    under: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Times to answer. Half took less than ``half_under`` milliseconds, given to two significant digits.

    The percentiles are None without answers and beyond :data:`MAX_DURATION`.
    """

    spans: tuple[Answered, ...] = ()
    half_under: int | None = None
    most_under: int | None = None  # 95 %

    @property
    def total(self) -> int:
        """The submissions with a known time: answered, or timed out."""
        return sum(span.count for span in self.spans)


@dataclass(frozen=True, slots=True)
class Open:
    """Unknown outcomes by age: ``ages[i]`` counts from ``AGE_EDGES[i]`` to below the next edge."""

    ages: tuple[int, ...] = (0,) * len(AGE_EDGES)
    oldest_id: uuid.UUID | None = None
    oldest_at: dt.datetime | None = None
    elsewhere: int = 0  # visible to the reader, but excluded by the filter

    @property
    def total(self) -> int:
        """The unknown outcomes of all ages."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one selection."""

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
        """The number of submissions per outcome that occurs, in the order of declaration."""
        sums = {outcome: sum(bar.outcomes[outcome] for bar in self.bars) for outcome in Outcome}
        return {outcome: number for outcome, number in sums.items() if number}
