"""Counts submissions in the database, in a few statements that read no row into Python."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.selectors import active_with
from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.core.web.filters import midnight
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
    MAX_DURATION,
    Age,
    Answered,
    Answers,
    Bar,
    Before,
    Compared,
    Figures,
    Headline,
    Open,
    Person,
    Reason,
    Unit,
)
from apps.history.selection import Period, Selection

WEEK = dt.timedelta(days=7)
MAX_BARS = 62  # two months of days
FAILURES = (Outcome.REJECTED, Outcome.NOT_SENT)
# Times to answer are counted in steps of two significant digits: (upper bound, step), in milliseconds.
_STEPS = ((1_000, 10), (10_000, 100), (MAX_DURATION, 1_000))
_STEP = Case(
    When(duration_ms__isnull=True, then=None),
    *(When(duration_ms__lt=below, then=F("duration_ms") - F("duration_ms") % step) for below, step in _STEPS),
    default=Value(MAX_DURATION),
    output_field=IntegerField(),
)


def figures_of(selection: Selection, *, now: dt.datetime, period: Period | None = None) -> Figures:
    """The figures of the selection at ``now``. Days are those of the active time zone.

    ``period``: the relative period of the selection, which decides what it is compared with.
    """
    chosen = selection.submissions().order_by()
    today = _day(now)
    span = _days_shown(selection, chosen, now)
    if span is None:
        return Figures(
            open=_open_outcomes(selection, chosen, today), before=_before(selection, today, period)
        )
    unit, firsts = _unit_and_first_days(*span)
    people, answers = _people_and_answers(chosen, _team(selection))
    return Figures(
        unit=unit,
        bars=_bars(chosen, firsts, span[1]),
        people=people,
        reasons=_failure_reasons(chosen),
        answers=answers,
        open=_open_outcomes(selection, chosen, today),
        before=_before(selection, today, period),
        today=today,
    )


def _before(selection: Selection, today: dt.date, period: Period | None) -> Compared | None:
    """The headline of the period before; None without a first day, or with one in the future."""
    since, until = selection.asked.since, selection.asked.until
    if since is None or _day(since) > today:
        return None
    last = min(_day(until - dt.timedelta(microseconds=1)), today) if until else today
    how, first, last = period_before(_day(since), last, today, period)
    asked = replace(selection.asked, since=midnight(first), until=midnight(last + dt.timedelta(days=1)))
    rows = replace(selection, asked=asked).submissions().order_by()
    counts = rows.annotate(step=_STEP).values("outcome", "step").annotate(number=Count("*"))
    totals: Counter[str] = Counter()
    steps: Counter[int] = Counter()
    for outcome, step, number in counts.values_list("outcome", "step", "number"):
        totals[outcome] += number
        if step is not None:
            steps[step] += number
    headline = Headline(
        total=totals.total(),
        created=totals[Outcome.CREATED],
        unknown=totals[Outcome.UNKNOWN],
        answered=steps.total(),
        half_under=_percentile(steps, 50),
        most_under=_percentile(steps, 95),
    )
    return Compared(how, first, last, headline)


def period_before(
    first: dt.date, last: dt.date, today: dt.date, period: Period | None = None
) -> tuple[Before, dt.date, dt.date]:
    """The period that the days from ``first`` to ``last`` are compared with.

    Whole months are compared with as many months before, the month until today with the same days of the
    month before, the week until today with the same weekdays of the week before, and other days with as many
    days directly before. ``period`` tells a week from a month, and from today, that begin on the same day.
    """
    is_week = last == today and first.weekday() == 0 and 0 < (last - first).days < 7 and first.day != 1
    if period is Period.THIS_WEEK or (period is None and is_week):
        return Before.WEEKDAYS, first - WEEK, last - WEEK
    ends = first - dt.timedelta(days=1)
    if first.day == 1:
        months = (last.year - first.year) * 12 + last.month - first.month
        if (last + dt.timedelta(days=1)).day == 1:
            month = first.year * 12 + first.month - 1 - (months + 1)
            return Before.MONTHS, dt.date(month // 12, month % 12 + 1, 1), ends
        if last == today and not months:
            begins = ends.replace(day=1)
            return Before.SAME_DAYS, begins, min(begins + (last - first), ends)
    return Before.LENGTH, first - (last - first) - dt.timedelta(days=1), ends


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


def _team(selection: Selection) -> QuerySet[User] | None:
    """Those who may submit, and are listed also without a submission; None if one person was asked for."""
    if selection.asked.person or not selection.viewer.sees_all:
        return None
    return active_with(CREATE_ORDER_CONSUMER)


def _people_and_answers(
    chosen: QuerySet[Submission], team: QuerySet[User] | None
) -> tuple[tuple[Person, ...], Answers]:
    """Everybody, those with the most submissions first, and the times to answer, counted by one statement.

    ``team``: people who are listed also without a submission.
    """
    # "+ 0" keeps SQLite from reading the whole table by the index of people under any filter.
    placed = chosen.annotate(
        who=F("actor_id") + 0,
        step=_STEP,
        made=Case(When(outcome=Outcome.CREATED, then=1), default=0, output_field=IntegerField()),
    )
    counts = placed.values("who", "made", "step").annotate(number=Count("*"))
    total: Counter[int] = Counter()
    created: Counter[int] = Counter()
    steps: dict[int, Counter[int]] = defaultdict(Counter)
    for who, made, step, number in counts.values_list("who", "made", "step", "number"):
        total[who] += number
        created[who] += number * made
        if step is not None:
            steps[who][step] += number
    names = _names(total, team)
    total.update(dict.fromkeys(names, 0))
    people = tuple(
        Person(str(who), names[who], number, created[who], steps[who].total(), _percentile(steps[who], 50))
        for who, number in sorted(total.items(), key=lambda one: (-one[1], one[0]))
    )
    return people, _answers(sum(steps.values(), Counter()))


def _names(ids: Iterable[int], team: QuerySet[User] | None) -> dict[int, str]:
    """The names of these people and the team. The user name is added if a name is empty or not unique."""
    wanted = Q(pk__in=ids)
    if team is not None:
        wanted |= Q(pk__in=team.values("pk"))
    found = User.objects.filter(wanted).values_list("pk", "name", "username")
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


def _answers(counts: Mapping[int, int]) -> Answers:
    """Times to answer, counted in the steps of the percentiles, summed to spans."""
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


def _open_outcomes(selection: Selection, chosen: QuerySet[Submission], today: dt.date) -> Open:
    unknown = chosen.filter(outcome=Outcome.UNKNOWN)
    spans = [_age_days(today, index) for index in range(len(AGE_EDGES))]
    counts = {
        f"age_{index}": Count("outcome", filter=_submitted(first, last))
        for index, (first, last) in enumerate(spans)
    }
    counted = unknown.aggregate(**counts).values()
    ages = tuple(Age(*span, count) for span, count in zip(spans, counted, strict=True))
    oldest = unknown.order_by("submitted_at", "id").values_list("public_id", "submitted_at").first()
    visible = selectors.unknown_submissions(selection.viewer)
    oldest_id, oldest_at = oldest or (None, None)
    elsewhere = max(visible.count() - sum(age.count for age in ages), 0)
    return Open(ages, oldest_id, oldest_at, elsewhere)


def _age_days(today: dt.date, index: int) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of an age, as in :class:`Age`."""
    older = AGE_EDGES[index + 1] if index + 1 < len(AGE_EDGES) else None
    first = today - dt.timedelta(days=older - 1) if older is not None else None
    return first, today - dt.timedelta(days=AGE_EDGES[index]) if AGE_EDGES[index] else None


def _submitted(first: dt.date | None, last: dt.date | None) -> Q:
    from_first = Q(submitted_at__gte=midnight(first)) if first else Q()
    return from_first & (Q(submitted_at__lt=midnight(last + dt.timedelta(days=1))) if last else Q())
