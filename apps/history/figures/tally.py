"""The numbers of a selection, from totals of whole periods and from rows for the rest."""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from apps.consumers.models import Outcome, Submission
from apps.consumers.selectors import CONTRADICTED_ABSENCE
from apps.core.dates import midnight
from apps.history.selection import Selection, SubmissionFilter
from apps.history.totals import steps
from apps.history.totals.counts import Group, counted
from apps.history.totals.periods import Days
from apps.history.totals.reading import parts_of

FAILURES = (Outcome.REJECTED, Outcome.NOT_SENT)
FEW_DAYS, MOMENT = dt.timedelta(days=8), dt.timedelta(microseconds=1)


@dataclass
class Tally:
    """Numbers of submissions. ``times``: packed, as in ``totals/steps.py``."""

    total: Counter[int] = field(default_factory=Counter)  # by person
    created: Counter[int] = field(default_factory=Counter)  # by person
    times: Counter[int] = field(default_factory=Counter)  # by person
    bars: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # outcomes
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # by outcome and error code

    @property
    def all_times(self) -> int:
        """The times of everybody, packed."""
        return self.times.total()

    def add_period(self, text: str, bar: int) -> None:
        """Add the totals of a whole period, by person."""
        totals = json.loads(text)
        for who, number, created, step_index, digits in totals["people"]:
            self.total[who] += number
            self.created[who] += created
            self.times[who] += steps.from_text(step_index, digits)
        for outcome, code, number in totals["kinds"]:
            self.bars[bar][outcome] += number
            if outcome in FAILURES:
                self.reasons[outcome, code] += number

    def add_group(self, group: Group, number: int, times: int, bar: int) -> None:
        """Add a group of the totals of a period."""
        who, outcome, code = group
        self.total[who] += number
        self.created[who] += number if outcome == Outcome.CREATED else 0
        self.times[who] += times
        self.bars[bar][outcome] += number
        if outcome in FAILURES:
            self.reasons[outcome, code] += number


def tally_of(selection: Selection, firsts: Sequence[dt.date], periods: Sequence[Days]) -> Tally:
    """The numbers of the selection, with those of each bar. Days are those of the active time zone.

    ``firsts``: the first day of each bar, ascending. ``periods``: of which totals are preferred; each is in
    one bar.
    """
    found = Tally()
    begins = [midnight(day).astimezone(dt.UTC) for day in firsts]
    parts = parts_of(selection, periods)
    if parts.is_whole:
        for at, text in parts.texts:
            found.add_period(text, bisect_right(begins, at) - 1)
    else:
        for at, group, number, times in parts.groups():
            found.add_group(group, number, times, bisect_right(begins, at) - 1)
    for gap in parts.gaps:
        rows = gap.submissions().order_by()
        if (bar := _only_bar(gap.asked, begins)) is not None:
            for group, (number, times) in counted(rows).items():
                found.add_group(group, number, times, bar)
            continue
        _count_bars(found, rows, begins)
        _count_people(found, rows)
        _count_reasons(found, rows)
    _count_contradicted_as_unknown(found, selection, begins)
    return found


def _only_bar(asked: SubmissionFilter, begins: Sequence[dt.datetime]) -> int | None:
    """The bar that contains these days, if they are few: their rows are counted with one statement.

    For many rows, three statements with fewer groups cost less (decision 170).
    """
    if asked.since is None or asked.until is None or asked.until - asked.since > FEW_DAYS:
        return None
    first, last = (bisect_right(begins, at) - 1 for at in (asked.since, asked.until - MOMENT))
    return first if first == last >= 0 else None


def _count_bars(found: Tally, rows: QuerySet[Submission], begins: Sequence[dt.datetime]) -> None:
    """Count outcomes by bar with one statement.

    The statement contains the times at which days begin, so the database needs no time zone, and days of a
    clock change have their true length. It counts ``outcome``, which it reads anyway, because SQLite sorts
    the rows and would have to carry another column.
    """
    counts = {outcome.value: Count("outcome", filter=Q(outcome=outcome)) for outcome in Outcome}
    grouped = rows.annotate(bar_index=_bar_index(begins)).values("bar_index")
    for index, *numbers in grouped.annotate(**counts).values_list("bar_index", *counts):
        found.bars[index].update(dict(zip(counts, numbers, strict=True)))


def _bar_index(moments: Sequence[dt.datetime], first: int = 0) -> Combinable:
    """The index of the latest of the moments that a row is not before, by binary search in SQL."""
    if len(moments) == 1:
        return Value(first, output_field=IntegerField())
    middle = len(moments) // 2
    return Case(
        When(submitted_at__lt=moments[middle], then=_bar_index(moments[:middle], first)),
        default=_bar_index(moments[middle:], first + middle),
        output_field=IntegerField(),
    )


def _count_contradicted_as_unknown(found: Tally, selection: Selection, begins: Sequence[dt.datetime]) -> None:
    """Move resolutions as not created that something contradicts to the outcome that pages show.

    Totals and rows are counted by the stored outcome, which an index has. These rows are few.
    """
    asked = selection.asked
    if asked.outcomes and Outcome.UNKNOWN not in asked.outcomes:
        return
    rows = selection.submissions().filter(CONTRADICTED_ABSENCE).order_by()
    for submitted_at in rows.values_list("submitted_at", flat=True):
        counts = found.bars[bisect_right(begins, submitted_at) - 1]
        counts[Outcome.NOT_CREATED] -= 1
        counts[Outcome.UNKNOWN] += 1


def _count_people(found: Tally, rows: QuerySet[Submission]) -> None:
    # "+ 0" keeps SQLite from reading the whole table by the index of people under any filter.
    grouped = rows.annotate(
        who=F("actor_id") + 0,
        step=steps.STEP,
        made=Case(When(outcome=Outcome.CREATED, then=1), default=0, output_field=IntegerField()),
    )
    counts = grouped.values("who", "made", "step").annotate(number=Count("*"))
    for who, made, step, number in counts.values_list("who", "made", "step", "number"):
        found.total[who] += number
        found.created[who] += number * made
        found.times[who] += steps.packed(step, number)


def _count_reasons(found: Tally, rows: QuerySet[Submission]) -> None:
    failures = rows.filter(outcome__in=FAILURES).values("outcome", "error_code")
    for outcome, code, number in failures.annotate(number=Count("*")).values_list(
        "outcome", "error_code", "number"
    ):
        found.reasons[outcome, code] += number
