"""The charts of the figures page: bars with their labels, numbers and links.

Bars are measured in units of an SVG drawing that is stretched to the available width. Text would be stretched
too, so labels are outside the drawing. A table shows the same numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext

from apps.audit.labels import value_label
from apps.consumers.audit_keys import ERROR_CODE
from apps.consumers.models import Outcome
from apps.history.figures.results import Age, Answered, Answers, Bar, Figures, Open, Reason, Unit
from apps.history.selection import SubmissionFilter

SLOT, GAP = 10, 1  # width of a bar with its margins, and of the margin on each side
HEIGHT = 40
LEAST = 1.5  # smallest bar, so that 1 is visible beside thousands
FEWEST_SLOTS = 15  # so that a single day does not fill the width
WIDE = 100  # of the longest bar in a table
IN_ORDER = (*(outcome for outcome in Outcome if outcome != Outcome.SENDING), Outcome.SENDING)


class Address(Protocol):
    """A function that returns the address of the list with the current filters, some of them changed."""

    def __call__(self, **changed: str) -> str:
        """``changed``: values by the names of the filters. An empty value removes the filter."""


@dataclass(frozen=True, slots=True)
class Number:
    """A formatted count and the address of its rows; empty if it is 0 or no filter selects exactly them."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A bar of a chart over time. ``text``: its text for screen readers and tooltips.

    ``is_incomplete``: the period is not over.
    """

    slot: int
    left: int
    top: str
    height: str
    url: str
    text: str
    is_incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """The chart of one outcome over time, with its own scale from 0 to ``top``."""

    outcome: Outcome
    total: Number
    peak: str
    top: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table over time: the total, and a number for each outcome that occurs."""

    text: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class TimePlot:
    """The charts over time. ``axis``: labels below them, from left to right. ``units``: of both axes."""

    title: str
    column: str
    total: Number
    span: str
    width: int
    strips: tuple[Strip, ...]
    axis: tuple[str, ...]
    units: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table with a bar. ``length``: of the bar; ``full``: of its part in full colour."""

    text: str
    length: str
    full: str
    number: Number
    outcome: str = ""
    parts: tuple[Number, ...] = ()


def time_plot(figures: Figures, address: Address) -> TimePlot:
    """The charts of each outcome over time."""
    occurring = sorted(figures.outcomes, key=IN_ORDER.index)
    title, column, units = {
        Unit.DAY: (gettext("Per day"), gettext("Day"), gettext("Submissions per day")),
        Unit.WEEK: (gettext("Per week"), gettext("Week"), gettext("Submissions per week from Monday")),
        Unit.MONTH: (gettext("Per month"), gettext("Month"), gettext("Submissions per month")),
        Unit.YEAR: (gettext("Per year"), gettext("Year"), gettext("Submissions per year")),
    }[figures.unit]
    peak = gettext("peak %(count)s, %(when)s")
    return TimePlot(
        title=title,
        column=column,
        total=Number(digits(figures.total), address()),
        span=days_text(figures.bars[0].first, figures.bars[-1].last),
        width=max(len(figures.bars), FEWEST_SLOTS) * SLOT,
        strips=tuple(_strip(figures, outcome, peak, address) for outcome in occurring),
        axis=_axis(figures.bars),
        units=units,
        rows=tuple(_row(figures, bar, occurring, address) for bar in figures.bars),
    )


def _strip(figures: Figures, outcome: Outcome, peak: str, address: Address) -> Strip:
    largest = max(figures.bars, key=lambda bar: bar.outcomes[outcome])
    boxes = []
    for index, bar in enumerate(figures.bars):
        if count := bar.outcomes[outcome]:
            parts = {
                "when": _period_text(figures, bar),
                "outcome": outcome.label,
                "count": digits(count),
            }
            height = max(HEIGHT * count / largest.outcomes[outcome], LEAST)
            box = Box(
                slot=index * SLOT,
                left=index * SLOT + GAP,
                top=f"{HEIGHT - height:.2f}",
                height=f"{height:.2f}",
                url=_bar_url(bar, address, outcome.value),
                text=gettext("%(when)s – %(outcome)s: %(count)s") % parts,
                is_incomplete=figures.is_incomplete(bar),
            )
            boxes.append(box)
    texts = {"count": digits(largest.outcomes[outcome]), "when": period_text(figures.unit, largest)}
    highest = peak % texts if len(figures.bars) > 1 else texts["when"]
    total = Number(digits(figures.outcomes[outcome]), address(outcome=outcome.value))
    return Strip(outcome, total, highest, digits(largest.outcomes[outcome]), tuple(boxes))


def _row(figures: Figures, bar: Bar, occurring: Sequence[Outcome], address: Address) -> Row:
    counts = [(bar.total, "")] if len(occurring) > 1 else []
    counts += [(bar.outcomes[outcome], outcome.value) for outcome in occurring]
    return Row(
        _period_text(figures, bar),
        tuple(number_link(count, _bar_url(bar, address, outcome)) for count, outcome in counts),
    )


def _period_text(figures: Figures, bar: Bar) -> str:
    text = period_text(figures.unit, bar)
    return gettext("%(period)s (not over)") % {"period": text} if figures.is_incomplete(bar) else text


def _bar_url(bar: Bar, address: Address, outcome: str) -> str:
    """The address of the rows of this bar. Without ``outcome``, the current filter by outcome stays."""
    days = {"since": bar.first.isoformat(), "until": bar.last.isoformat(), "period": ""}
    return address(**days, outcome=outcome) if outcome else address(**days)


def _axis(bars: Sequence[Bar]) -> tuple[str, ...]:
    first, last = bars[0].first, bars[-1].last
    if len(bars) < FEWEST_SLOTS:  # the bars do not reach the right edge
        return (days_text(first, last),)
    return _day_text(first), _day_text(bars[len(bars) // 2].first), _day_text(last)


def days_text(first: dt.date, last: dt.date) -> str:
    """The text of a range of days; of one day if both are the same."""
    if first == last:
        return _day_text(first)
    return gettext("%(first)s to %(last)s") % {"first": _day_text(first), "last": _day_text(last)}


def reason_lines(reasons: Sequence[Reason], address: Address) -> list[Line]:
    """Failures per reason."""
    largest = max((reason.count for reason in reasons), default=1)
    return [
        Line(
            capfirst(value_label(ERROR_CODE, reason.code)),
            length=bar_length(reason.count, largest),
            full=bar_length(reason.count, largest),
            number=number_link(reason.count, address(outcome=reason.outcome.value, reason=reason.code)),
            outcome=reason.outcome.value,
        )
        for reason in reasons
    ]


def answer_lines(answers: Answers, asked: SubmissionFilter, address: Address) -> list[Line]:
    """Submissions per time to answer, without empty spans at both ends."""
    filled = [index for index, span in enumerate(answers.spans) if span.count]
    spans = answers.spans[filled[0] : filled[-1] + 1] if filled else ()
    largest = max((span.count for span in spans), default=1)
    return [
        Line(
            _span_text(span),
            length=bar_length(span.count, largest),
            full=bar_length(span.count, largest),
            number=number_link(span.count, _span_url(span, asked, address)),
        )
        for span in spans
    ]


def _span_url(span: Answered, asked: SubmissionFilter, address: Address) -> str:
    """The address of the rows of a span, within the current filter by time to answer."""
    least = max(span.least, asked.answered_from or 0)
    ends = [end for end in (span.under, asked.answered_under) if end is not None]
    # No upper bound means no filter. A lower bound of 0 is set too, to exclude rows without a time.
    return address(answered_from=str(least), answered_under=str(min(ends)) if ends else "")


def _span_text(span: Answered) -> str:
    if span.under is None:
        return gettext("%(least)s s or more") % {"least": seconds(span.least)}
    if not span.least:
        return gettext("under %(under)s s") % {"under": seconds(span.under)}
    return gettext("%(least)s to %(under)s s") % {
        "least": seconds(span.least),
        "under": seconds(span.under),
    }


def age_lines(unknown: Open, asked: SubmissionFilter, address: Address) -> list[Line]:
    """Unknown outcomes per age."""
    texts = (gettext("Today"), gettext("Yesterday"), gettext("2 to 6 days ago"), gettext("Earlier"))
    largest = max((age.count for age in unknown.ages), default=1) or 1
    return [
        Line(
            label,
            length=bar_length(age.count, largest),
            full=bar_length(age.count, largest),
            number=number_link(age.count, _age_url(age, asked, address)),
        )
        for label, age in zip(texts, unknown.ages, strict=False)
    ]


def _age_url(age: Age, asked: SubmissionFilter, address: Address) -> str:
    """The address of the rows of an age, within the current filter by day."""
    firsts = [age.first] if age.first else []
    lasts = [age.last] if age.last else []
    if asked.since:
        firsts.append(timezone.localdate(asked.since))
    if asked.until:
        lasts.append(timezone.localdate(asked.until - dt.timedelta(microseconds=1)))
    return address(
        outcome=Outcome.UNKNOWN.value,
        since=max(firsts).isoformat() if firsts else "",
        until=min(lasts).isoformat() if lasts else "",
        period="",
    )


def seconds(milliseconds: int) -> str:
    """Milliseconds as seconds, with at most two decimals and no trailing zeros."""
    return number_format(f"{milliseconds / 1_000:.2f}".rstrip("0").rstrip("."))


def number_link(count: int, url: str) -> Number:
    """A count with the address of its rows; none without rows."""
    return Number(digits(count), url if count else "")


def digits(count: int) -> str:
    """A count, with separators of thousands."""
    return str(number_format(count, force_grouping=True))


def bar_length(count: int, largest: int) -> str:
    """The length of a bar in a table, as a part of :data:`WIDE`."""
    return f"{max(WIDE * count / largest, LEAST) if count else 0:.2f}"


def period_text(unit: Unit, bar: Bar) -> str:
    """The days of a bar as a text, or its month or year."""
    following = bar.last + dt.timedelta(days=1)
    if unit is Unit.MONTH and bar.first.day == following.day == 1:
        return str(date_format(bar.first, "F Y"))
    if unit is Unit.YEAR and (bar.first.month, bar.first.day) == (following.month, following.day) == (1, 1):
        return str(bar.first.year)
    return days_text(bar.first, bar.last)


def _day_text(day: dt.date) -> str:
    return str(date_format(day, "j F Y"))
