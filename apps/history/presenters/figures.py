"""Figures as their page draws them: bars with the words, the numbers and the addresses that belong to them.

Bars are measured in units of a drawing that stretches to the width it is given, so there is no text in it:
labels stand beside it, in the page's own type at any width. What is drawn is told in a table as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext

from apps.audit.labels import value_label
from apps.consumers.audit_keys import ERROR_CODE
from apps.consumers.models import Outcome
from apps.history.figures import Answered, Answers, Bar, Figures, Open, Person, Reason, Unit
from apps.history.selection import SubmissionFilter

SLOT, GAP = 10, 1  # of a bar with the blank around it, and of the blank on each side
HEIGHT = 40
LEAST = 1.5  # what is there is seen, even one beside thousands
FEWEST_SLOTS = 15  # so that a single day is no wall
WIDE = 100  # of a bar in a row
IN_ORDER = (*(outcome for outcome in Outcome if outcome != Outcome.SENDING), Outcome.SENDING)


class Address(Protocol):
    """The address of the list with the filters in effect, some of them changed."""

    def __call__(self, **changed: str) -> str:
        """Values by the names of the filters; empty ones are taken away."""


@dataclass(frozen=True, slots=True)
class Number:
    """A count in digits, and where its rows are: nowhere for none, and where no filter names just them."""

    words: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A bar that stands in its slot. ``words`` say all of it."""

    slot: int
    left: int
    top: str
    height: str
    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One outcome over time, on a scale of its own."""

    outcome: Outcome
    total: Number
    peak: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table over time: a number for all of them, and one for each outcome that occurs."""

    words: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class TimePlot:
    """Submissions over time. ``axis``: what stands under the drawings, from the left to the right."""

    title: str
    column: str
    total: Number
    span: str
    width: int
    strips: tuple[Strip, ...]
    axis: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table with a bar in it: so long in all, and so long in full colour."""

    words: str
    length: str
    full: str
    number: Number
    outcome: str = ""
    parts: tuple[Number, ...] = ()


def over_time(figures: Figures, address: Address) -> TimePlot:
    """How many there were of each outcome, day by day or in longer steps."""
    occurring = sorted(figures.outcomes, key=IN_ORDER.index)
    title, column, peak = {
        Unit.DAY: (gettext("Per day"), gettext("Day"), gettext("most on a day: %(count)s, %(when)s")),
        Unit.WEEK: (gettext("Per week"), gettext("Week"), gettext("most in a week: %(count)s, %(when)s")),
        Unit.MONTH: (gettext("Per month"), gettext("Month"), gettext("most in a month: %(count)s, %(when)s")),
        Unit.YEAR: (gettext("Per year"), gettext("Year"), gettext("most in a year: %(count)s, %(when)s")),
    }[figures.unit]
    return TimePlot(
        title=title,
        column=column,
        total=Number(_digits(figures.total), address()),
        span=between(figures.bars[0].first, figures.bars[-1].last),
        width=max(len(figures.bars), FEWEST_SLOTS) * SLOT,
        strips=tuple(_strip(figures, outcome, peak, address) for outcome in occurring),
        axis=_axis(figures.bars),
        rows=tuple(_row(figures.unit, bar, occurring, address) for bar in figures.bars),
    )


def _strip(figures: Figures, outcome: Outcome, peak: str, address: Address) -> Strip:
    most = max(figures.bars, key=lambda bar: bar.outcomes[outcome])
    boxes = []
    for place, bar in enumerate(figures.bars):
        if count := bar.outcomes[outcome]:
            words = {"when": _when(figures.unit, bar), "outcome": outcome.label, "count": _digits(count)}
            height = max(HEIGHT * count / most.outcomes[outcome], LEAST)
            box = Box(
                slot=place * SLOT,
                left=place * SLOT + GAP,
                top=f"{HEIGHT - height:.2f}",
                height=f"{height:.2f}",
                url=_of_bar(bar, address, outcome.value),
                words=gettext("%(when)s – %(outcome)s: %(count)s") % words,
            )
            boxes.append(box)
    said = {"count": _digits(most.outcomes[outcome]), "when": _when(figures.unit, most)}
    highest = peak % said if len(figures.bars) > 1 else said["when"]
    total = Number(_digits(figures.outcomes[outcome]), address(outcome=outcome.value))
    return Strip(outcome, total, highest, tuple(boxes))


def _row(unit: Unit, bar: Bar, occurring: Sequence[Outcome], address: Address) -> Row:
    counts = [(bar.total, "")] if len(occurring) > 1 else []
    counts += [(bar.outcomes[outcome], outcome.value) for outcome in occurring]
    return Row(
        _when(unit, bar),
        tuple(_number(count, _of_bar(bar, address, outcome)) for count, outcome in counts),
    )


def _of_bar(bar: Bar, address: Address, outcome: str) -> str:
    """The rows of these days; of any outcome that was asked for, where none is named."""
    days = {"since": bar.first.isoformat(), "until": bar.last.isoformat(), "period": ""}
    return address(**days, outcome=outcome) if outcome else address(**days)


def _axis(bars: Sequence[Bar]) -> tuple[str, ...]:
    first, last = bars[0].first, bars[-1].last
    if len(bars) < FEWEST_SLOTS:  # the drawing ends before the right edge
        return (between(first, last),)
    return _day(first), _day(bars[len(bars) // 2].first), _day(last)


def between(first: dt.date, last: dt.date) -> str:
    """Two days and what is between them, in words; one of them where they are the same."""
    if first == last:
        return _day(first)
    return gettext("%(first)s to %(last)s") % {"first": _day(first), "last": _day(last)}


def by_person(people: Sequence[Person], address: Address) -> list[Line]:
    """Who submitted how many, and how many of them were created."""
    most = max((person.total for person in people), default=1)
    lines = []
    for person in people:
        of_them = {"person": person.id}
        lines.append(
            Line(
                person.name if person.id else _rest(person.people),
                length=_length(person.total, most),
                full=_length(person.created, most),
                number=_number(person.total, address(**of_them) if person.id else ""),
                parts=(
                    _number(person.created, address(**of_them, outcome=Outcome.CREATED) if person.id else ""),
                    _number(person.others, ""),  # no filter leaves just one outcome out
                ),
            )
        )
    return lines


def _rest(people: int) -> str:
    return ngettext("%(number)s other person", "%(number)s other people", people) % {
        "number": _digits(people)
    }


def by_reason(reasons: Sequence[Reason], address: Address) -> list[Line]:
    """Why nothing was created."""
    most = max((reason.count for reason in reasons), default=1)
    return [
        Line(
            capfirst(value_label(ERROR_CODE, reason.code)),
            length=_length(reason.count, most),
            full=_length(reason.count, most),
            number=_number(reason.count, address(outcome=reason.outcome.value, reason=reason.code)),
            outcome=reason.outcome.value,
        )
        for reason in reasons
    ]


def by_answer(answers: Answers, asked: SubmissionFilter, address: Address) -> list[Line]:
    """How many were answered within which time; without the spans before the first and after the last."""
    filled = [place for place, span in enumerate(answers.spans) if span.count]
    spans = answers.spans[filled[0] : filled[-1] + 1] if filled else ()
    most = max((span.count for span in spans), default=1)
    return [
        Line(
            _span_words(span),
            length=_length(span.count, most),
            full=_length(span.count, most),
            number=_number(span.count, _of_span(span, asked, address)),
        )
        for span in spans
    ]


def _of_span(span: Answered, asked: SubmissionFilter, address: Address) -> str:
    """The rows of a span, within the times that were asked for."""
    least = max(span.least, asked.answered_from or 0)
    ends = [end for end in (span.under, asked.answered_under) if end is not None]
    # An open end is no filter; a beginning is one even at nought, for rows without a time stay away.
    return address(answered_from=str(least), answered_under=str(min(ends)) if ends else "")


def _span_words(span: Answered) -> str:
    if span.under is None:
        return gettext("%(least)s s or more") % {"least": seconds(span.least)}
    if not span.least:
        return gettext("under %(under)s s") % {"under": seconds(span.under)}
    return gettext("%(least)s to %(under)s s") % {
        "least": seconds(span.least),
        "under": seconds(span.under),
    }


def answers_words(answers: Answers) -> str:
    """How long it took, in one sentence; empty where nothing was answered."""
    if not answers.total:
        return ""
    if answers.half_under is None:
        return gettext("Half took longer than 100 s.")
    half = {"half": seconds(answers.half_under)}
    if answers.most_under is None:
        return gettext("Half took less than %(half)s s, 5 in 100 longer than 100 s.") % half
    return gettext("Half took less than %(half)s s, 95 in 100 less than %(most)s s.") % {
        **half,
        "most": seconds(answers.most_under),
    }


def by_age(unknown: Open) -> list[Line]:
    """Unknown outcomes by their age. No filter names an age."""
    words = (gettext("Under an hour"), gettext("Under a day"), gettext("Under a week"), gettext("Older"))
    most = max(*unknown.ages, 1)
    return [
        Line(said, length=_length(count, most), full=_length(count, most), number=_number(count, ""))
        for said, count in zip(words, unknown.ages, strict=True)
    ]


def seconds(milliseconds: int) -> str:
    """Milliseconds as seconds, without noughts at the end."""
    return number_format(f"{milliseconds / 1_000:.2f}".rstrip("0").rstrip("."))


def _number(count: int, url: str) -> Number:
    return Number(_digits(count), url if count else "")


def _digits(count: int) -> str:
    return str(number_format(count, force_grouping=True))


def _length(count: int, most: int) -> str:
    return f"{max(WIDE * count / most, LEAST) if count else 0:.2f}"


def _when(unit: Unit, bar: Bar) -> str:
    following = bar.last + dt.timedelta(days=1)
    if unit is Unit.MONTH and bar.first.day == following.day == 1:
        return str(date_format(bar.first, "F Y"))
    if unit is Unit.YEAR and (bar.first.month, bar.first.day) == (following.month, following.day) == (1, 1):
        return str(bar.first.year)
    return between(bar.first, bar.last)


def _day(day: dt.date) -> str:
    return str(date_format(day, "j F Y"))
