"""Counts submissions in a few statements that read no row into Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.selectors import active_with
from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.core.dates import midnight
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
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
from apps.history.figures.tally import FAILURES, Tally, tally_of
from apps.history.selection import Period, Selection
from apps.history.totals.periods import Days, next_month
from apps.history.totals.steps import percentile, unpacked

WEEK = dt.timedelta(days=7)
MAX_BARS = 62  # two months of days


def figures_of(selection: Selection, *, now: dt.datetime, period: Period | None = None) -> Figures:
    """The figures of the selection at ``now``. Days are those of the active time zone.

    ``period``: the relative period of the selection, which decides what it is compared with.
    """
    chosen = selection.submissions().order_by()
    today = _day(now)
    days = _days_selected_and_shown(selection, chosen, now)
    if days is None:
        return Figures(
            open=_open_outcomes(selection, chosen, today), before=_before(selection, today, period)
        )
    selected, (first, last) = days
    unit, firsts = _unit_and_first_days(first, last)
    found = tally_of(selection, firsts, [*_periods(unit, firsts, last)])
    return Figures(
        unit=unit,
        bars=_bars(found, firsts, last),
        people=_people(found, _team(selection)),
        reasons=_failure_reasons(found),
        answers=_answers(found.all_times),
        open=_open_outcomes(selection, chosen, today),
        before=_before(selection, today, period),
        days=selected,
        today=today,
    )


def _before(selection: Selection, today: dt.date, period: Period | None) -> Compared | None:
    """The headline of the period before; None without a first day, or without a day from it until today."""
    since, until = selection.asked.since, selection.asked.until
    if since is None:
        return None
    last = min(_day(until - dt.timedelta(microseconds=1)), today) if until else today
    if last < _day(since):  # in the future, or the period and the days of the filter exclude each other
        return None
    how, first, last = period_before(_day(since), last, today, period)
    asked = replace(selection.asked, since=midnight(first), until=midnight(last + dt.timedelta(days=1)))
    found = tally_of(replace(selection, asked=asked), [first], [*_by_months(first, last)])
    outcomes, times = found.bars[0], found.all_times
    headline = Headline(
        total=outcomes.total(),
        created=outcomes[Outcome.CREATED],
        unknown=outcomes[Outcome.UNKNOWN],
        answered=sum(unpacked(times).values()),
        median_ms=percentile(times, 50),
        p95_ms=percentile(times, 95),
    )
    return Compared(how, first, last, headline)


def period_before(
    first: dt.date, last: dt.date, today: dt.date, period: Period | None = None
) -> tuple[Before, dt.date, dt.date]:
    """The period that the days from ``first`` to ``last`` are compared with.

    Whole months are compared with as many months before, the month until today with the same days of the
    month before, the week until today with the same weekdays of the week before, and other days with as many
    days directly before. ``period`` tells a week, a month, today and the last days from each other if they
    begin on the same day.
    """
    is_week = last == today and first.weekday() == 0 and 0 < (last - first).days < 7 and first.day != 1
    if period is Period.THIS_WEEK or (period is None and is_week):
        return Before.WEEKDAYS, first - WEEK, last - WEEK
    ends = first - dt.timedelta(days=1)
    if first.day == 1 and period in (None, Period.THIS_MONTH, Period.LAST_MONTH):
        months = (last.year - first.year) * 12 + last.month - first.month
        if (last + dt.timedelta(days=1)).day == 1:
            month = first.year * 12 + first.month - 1 - (months + 1)
            return Before.MONTHS, dt.date(month // 12, month % 12 + 1, 1), ends
        if last == today and not months:
            begins = ends.replace(day=1)
            return Before.SAME_DAYS, begins, min(begins + (last - first), ends)
    return Before.LENGTH, first - (last - first) - dt.timedelta(days=1), ends


def _days_selected_and_shown(
    selection: Selection, chosen: QuerySet[Submission], now: dt.datetime
) -> tuple[Days, Days] | None:
    """The days of the filter without future days, and those of them to show; None if there are no rows.

    Beyond :data:`MAX_BARS` days, those before the first and after the last row are not shown.
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
    selected = first, last
    return selected, (max(first, first_row), last_row) if (last - first).days >= MAX_BARS else selected


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
        return next_month(day)
    return dt.date(day.year + 1, 1, 1)


def _periods(unit: Unit, firsts: Sequence[dt.date], last: dt.date) -> Iterator[Days]:
    """The periods of which there may be totals: the bars, or the months of a year."""
    for first, end in zip(firsts, _lasts(firsts, last), strict=True):
        if unit is Unit.YEAR:
            yield from _by_months(first, end)
        else:
            yield first, end


def _by_months(first: dt.date, last: dt.date) -> Iterator[Days]:
    """The days from ``first`` to ``last``, divided where months begin."""
    while first <= last:
        end = min(next_month(first) - dt.timedelta(days=1), last)
        yield first, end
        first = end + dt.timedelta(days=1)


def _lasts(firsts: Sequence[dt.date], last: dt.date) -> list[dt.date]:
    return [day - dt.timedelta(days=1) for day in firsts[1:]] + [last]


def _bars(found: Tally, firsts: Sequence[dt.date], last: dt.date) -> tuple[Bar, ...]:
    return tuple(
        Bar(first, end, {outcome: found.bars[index][outcome] for outcome in Outcome})
        for index, (first, end) in enumerate(zip(firsts, _lasts(firsts, last), strict=True))
    )


def _team(selection: Selection) -> QuerySet[User] | None:
    """Those who may submit, and are listed also without a submission; None if one person was asked for."""
    if selection.asked.person or not selection.viewer.sees_all:
        return None
    return active_with(CREATE_ORDER_CONSUMER)


def _people(found: Tally, team: QuerySet[User] | None) -> tuple[Person, ...]:
    """Everybody, those with the most submissions first.

    ``team``: people who are listed also without a submission.
    """
    names = _names(found.total, team)
    total = {**dict.fromkeys(names, 0), **found.total}
    return tuple(
        Person(
            str(who),
            names[who],
            number,
            found.created[who],
            sum(unpacked(found.times[who]).values()),
            percentile(found.times[who], 50),
        )
        for who, number in sorted(total.items(), key=lambda one: (-one[1], one[0]))
    )


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


def _failure_reasons(found: Tally) -> tuple[Reason, ...]:
    reasons = [Reason(Outcome(outcome), code, number) for (outcome, code), number in found.reasons.items()]
    return tuple(
        sorted(reasons, key=lambda reason: (FAILURES.index(reason.outcome), -reason.count, reason.code))
    )


def _answers(times: int) -> Answers:
    """Packed times to answer, summed to spans."""
    counts = unpacked(times)
    spans = []
    for least, under in zip(ANSWER_EDGES, (*ANSWER_EDGES[1:], None), strict=True):
        within = (number for at, number in counts.items() if least <= at and (under is None or at < under))
        spans.append(Answered(least, under, sum(within)))
    return Answers(tuple(spans), percentile(times, 50), percentile(times, 95))


def _open_outcomes(selection: Selection, chosen: QuerySet[Submission], today: dt.date) -> Open:
    unknown = chosen.filter(selectors.IS_UNKNOWN)
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
