"""The values of the figures: counts of submissions."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from apps.consumers.models import Outcome

ANSWER_EDGES = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # milliseconds
AGE_EDGES = (0, 1, 2, 7)  # days before today on which an age begins


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
    """The submissions of one person. ``median_ms``: as in :class:`Answers`."""

    id: str
    name: str
    total: int
    created: int
    answered: int = 0
    median_ms: int | None = None


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
    """Times to answer.

    ``median_ms``, ``p95_ms``: the median and the 95th percentile in milliseconds, as the next higher number
    of two significant digits. None without answers and beyond :data:`MAX_DURATION`.
    """

    spans: tuple[Answered, ...] = ()
    median_ms: int | None = None
    p95_ms: int | None = None

    @property
    def total(self) -> int:
        """The submissions with a known time: answered, or timed out."""
        return sum(span.count for span in self.spans)


@dataclass(frozen=True, slots=True)
class Age:
    """The unknown outcomes submitted from ``first`` to ``last``, as days in the reader's time zone.

    ``first`` None: on any earlier day. ``last`` None: also later, as the clocks of two machines may differ.
    """

    first: dt.date | None
    last: dt.date | None
    count: int


@dataclass(frozen=True, slots=True)
class Open:
    """Unknown outcomes by age, the youngest first: an :class:`Age` for each of :data:`AGE_EDGES`."""

    ages: tuple[Age, ...] = ()
    oldest_id: uuid.UUID | None = None
    oldest_at: dt.datetime | None = None
    elsewhere: int = 0  # visible to the reader, but excluded by the filter

    @property
    def total(self) -> int:
        """The unknown outcomes of all ages."""
        return sum(age.count for age in self.ages)


class Before(Enum):
    """How a period and the one that it is compared with belong together."""

    LENGTH = "length"  # as many days, directly before
    MONTHS = "months"  # whole months, and as many months before
    SAME_DAYS = "same_days"  # the month until today, and the same days of the month before
    WEEKDAYS = "weekdays"  # the week until today, and the same weekdays of the week before


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers of a period as a whole. The times are as in :class:`Answers`."""

    total: int
    created: int
    unknown: int
    answered: int
    median_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The period before, from ``first`` to ``last``, as days in the reader's time zone."""

    how: Before
    first: dt.date
    last: dt.date
    headline: Headline


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one selection."""

    unit: Unit = Unit.DAY
    bars: tuple[Bar, ...] = ()
    people: tuple[Person, ...] = ()
    reasons: tuple[Reason, ...] = ()
    answers: Answers = field(default_factory=Answers)
    open: Open = field(default_factory=Open)
    before: Compared | None = None  # None without a first day, or without a day from it until today
    days: tuple[dt.date, dt.date] | None = None
    """The days of the selection until today; without a first day, from that of the first row.

    The bars may have fewer. None if there are no rows.
    """
    today: dt.date | None = None  # the day that is not over, in the reader's time zone

    def is_incomplete(self, bar: Bar) -> bool:
        """Whether the period of the bar is not over."""
        return self.today is not None and bar.last >= self.today

    @property
    def headline(self) -> Headline:
        """The numbers of the whole selection."""
        found, answers = self.outcomes, self.answers
        return Headline(
            total=self.total,
            created=found.get(Outcome.CREATED, 0),
            unknown=found.get(Outcome.UNKNOWN, 0),
            answered=answers.total,
            median_ms=answers.median_ms,
            p95_ms=answers.p95_ms,
        )

    @property
    def total(self) -> int:
        """All submissions of the selection."""
        return sum(bar.total for bar in self.bars)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """The number of submissions per outcome that occurs, in the order of declaration."""
        sums = {outcome: sum(bar.outcomes[outcome] for bar in self.bars) for outcome in Outcome}
        return {outcome: number for outcome, number in sums.items() if number}
