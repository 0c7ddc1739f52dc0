"""Counts submissions in the database, in a few statements that read no row into Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.contrib.auth import get_user_model
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone

from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.core.web.filters import midnight
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
    MAX_DURATION,
    Answered,
    Answers,
    Bar,
    Figures,
    Open,
    Person,
    Reason,
    Unit,
)
from apps.history.selection import Selection

MAX_BARS = 62  # two months of days
MAX_PEOPLE = 20
FAILURES = (Outcome.REJECTED, Outcome.NOT_SENT)
# Times to answer are counted in steps of two significant digits: (upper bound, step), in milliseconds.
_STEPS = ((1_000, 10), (10_000, 100), (MAX_DURATION, 1_000))


def figures_of(selection: Selection, *, now: dt.datetime) -> Figures:
    """The figures of the selection. Days are those of the active time zone; ages end at ``now``."""
    chosen = selection.submissions().order_by()
    span = _days_shown(selection, chosen, now)
    if span is None:
        return Figures(open=_open_outcomes(selection, chosen, now))
    unit, firsts = _unit_and_first_days(*span)
    return Figures(
        unit=unit,
        bars=_bars(chosen, firsts, span[1]),
        people=_people_counts(chosen),
        reasons=_failure_reasons(chosen),
        answers=_times_to_answer(chosen),
        open=_open_outcomes(selection, chosen, now),
    )


def _days_shown(
    selection: Selection, chosen: QuerySet[Submission], now: dt.datetime
) -> tuple[dt.date, dt.date] | None:
    """The first and the last day to show; None if there are no rows.

    They are the days of the filter, but neither future days nor, beyond :data:`MAX_BARS` days, days before
    the first or after the last row.
    """
    moments = chosen.values_list("submitted_at", flat=True)
    oldest, newest = moments.order_by("submitted_at").first(), moments.order_by("-submitted_at").first()
    if oldest is None or newest is None:
        return None
    since, until = selection.asked.since, selection.asked.until
    first_row, last_row, today = _day(oldest), _day(newest), _day(now)
    first = _day(since) if since else first_row
    last = min(_day(until - dt.timedelta(microseconds=1)) if until else today, max(today, last_row))
    last = max(last, last_row)
    if (last - first).days >= MAX_BARS:
        first, last = max(first, first_row), last_row
    return first, last


def _day(moment: dt.datetime) -> dt.date:
    """The day of the bar for this time: the latest that had begun, if clocks went back over midnight."""
    day = timezone.localtime(moment).date()
    following = day + dt.timedelta(days=1)
    return following if midnight(following) <= moment else day


def _unit_and_first_days(first: dt.date, last: dt.date) -> tuple[Unit, list[dt.date]]:
    """The smallest unit with at most :data:`MAX_BARS` bars (years: any number), and each bar's first day."""
    for unit in Unit:
        firsts = list(_first_days(unit, first, last))
        if len(firsts) <= MAX_BARS:
            break
    return unit, firsts


def _first_days(unit: Unit, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    first_day = first
    while first_day <= last:
        yield first_day
        first_day = _next_first_day(unit, first_day)


def _next_first_day(unit: Unit, day: dt.date) -> dt.date:
    if unit is Unit.DAY:
        return day + dt.timedelta(days=1)
    if unit is Unit.WEEK:
        return day + dt.timedelta(days=7 - day.weekday())
    if unit is Unit.MONTH:
        return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return dt.date(day.year + 1, 1, 1)


def _bars(chosen: QuerySet[Submission], firsts: Sequence[dt.date], last: dt.date) -> tuple[Bar, ...]:
    """The bars, counted by one statement.

    The statement contains the times at which days begin, so the database needs no time zone, and days of a
    clock change have their true length. It counts ``outcome``, which it reads anyway, because SQLite sorts
    the rows and would have to carry another column.
    """
    counts = {outcome.value: Count("outcome", filter=Q(outcome=outcome)) for outcome in Outcome}
    placed = chosen.annotate(bar_index=_bar_index([midnight(day) for day in firsts])).values("bar_index")
    rows = placed.annotate(**counts).values_list("bar_index", *counts)
    counted = {index: dict(zip(Outcome, numbers, strict=True)) for index, *numbers in rows}
    none = dict.fromkeys(Outcome, 0)
    lasts = [day - dt.timedelta(days=1) for day in firsts[1:]] + [last]
    return tuple(
        Bar(first, last, counted.get(index, none))
        for index, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    )


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


def _people_counts(chosen: QuerySet[Submission]) -> tuple[Person, ...]:
    """The :data:`MAX_PEOPLE` people with the most submissions, then all others as one entry."""
    # "+ 0" keeps SQLite from reading the whole table by the index of people under any filter.
    by_person = chosen.annotate(who=F("actor_id") + 0).values("who")
    counts = by_person.annotate(total=Count("*"), created=Count("outcome", filter=Q(outcome=Outcome.CREATED)))
    rows = sorted(counts.values_list("who", "total", "created"), key=lambda row: (-row[1], row[0]))
    named, rest = rows[:MAX_PEOPLE], rows[MAX_PEOPLE:]
    names = _names([who for who, _total, _created in named])
    people = [Person(str(who), names[who], total, created) for who, total, created in named]
    if rest:
        total, created = (sum(row[index] for row in rest) for index in (1, 2))
        people.append(Person("", "", total, created, len(rest)))
    return tuple(people)


def _names(ids: Iterable[int]) -> dict[int, str]:
    """The names of these people. The user name is added if a name is empty or not unique."""
    found = get_user_model().objects.filter(pk__in=ids).values_list("pk", "name", "username")
    names = [name for _pk, name, _username in found]
    return {
        pk: f"{name} ({username})" if names.count(name) > 1 or not name else name
        for pk, name, username in found
    }


def _failure_reasons(chosen: QuerySet[Submission]) -> tuple[Reason, ...]:
    failures = chosen.filter(outcome__in=FAILURES).values("outcome", "error_code")
    rows = failures.annotate(number=Count("*")).values_list("outcome", "error_code", "number")
    reasons = [Reason(Outcome(outcome), code, number) for outcome, code, number in rows]
    return tuple(
        sorted(reasons, key=lambda reason: (FAILURES.index(reason.outcome), -reason.count, reason.code))
    )


def _times_to_answer(chosen: QuerySet[Submission]) -> Answers:
    """Times to answer, counted by one statement in the steps of the percentiles, then summed to spans."""
    step = Case(
        *(
            When(duration_ms__lt=below, then=F("duration_ms") - F("duration_ms") % step)
            for below, step in _STEPS
        ),
        default=Value(MAX_DURATION),
        output_field=IntegerField(),
    )
    answered = chosen.filter(duration_ms__isnull=False).annotate(step=step)
    counts = dict(answered.values("step").annotate(number=Count("*")).values_list("step", "number"))
    spans = []
    for least, under in zip(ANSWER_EDGES, (*ANSWER_EDGES[1:], None), strict=True):
        within = (number for at, number in counts.items() if least <= at and (under is None or at < under))
        spans.append(Answered(least, under, sum(within)))
    return Answers(tuple(spans), _percentile(counts, 50), _percentile(counts, 95))


def _percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """The percentile in milliseconds, as the upper bound of its step; None beyond :data:`MAX_DURATION`."""
    left = sum(counts.values()) * percent
    for at in sorted(counts):
        left -= counts[at] * 100
        if left <= 0:
            return next((at + step for below, step in _STEPS if at < below), None)
    return None


def _open_outcomes(selection: Selection, chosen: QuerySet[Submission], now: dt.datetime) -> Open:
    unknown = chosen.filter(outcome=Outcome.UNKNOWN)
    ages = {}
    for index, (least, under) in enumerate(zip(AGE_EDGES, (*AGE_EDGES[1:], None), strict=True)):
        # Clocks differ: a time in the future counts as the youngest age.
        newer = Q(submitted_at__lte=now - least) if least else Q()
        ages[f"age_{index}"] = Count(
            "outcome", filter=newer & Q(submitted_at__gt=now - under) if under else newer
        )
    counted = tuple(unknown.aggregate(**ages).values())
    oldest = unknown.order_by("submitted_at", "id").values_list("public_id", "submitted_at").first()
    visible = selectors.unknown_submissions(selection.viewer)
    oldest_id, oldest_at = oldest or (None, None)
    return Open(counted, oldest_id, oldest_at, elsewhere=max(visible.count() - sum(counted), 0))
