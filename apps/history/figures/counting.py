"""Everything is counted by the database, in a handful of statements that read no row into Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.contrib.auth import get_user_model
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone

from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.core.filters import midnight
from apps.history.figures.results import (
    AGE_EDGES,
    ANSWER_EDGES,
    LONGEST_TOLD,
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
# Times to answer are counted in steps as fine as two digits of them: (below, step), in milliseconds.
_STEPS = ((1_000, 10), (10_000, 100), (LONGEST_TOLD, 1_000))


def figures_of(selection: Selection, *, now: dt.datetime) -> Figures:
    """Sum the selection up. Days are those of the active zone; ages are counted to ``now``."""
    chosen = selection.submissions().order_by()
    span = _span(selection, chosen, now)
    if span is None:
        return Figures(open=_open(selection, chosen, now))
    unit, firsts = _days_of_bars(*span)
    return Figures(
        unit=unit,
        bars=_bars(chosen, firsts, span[1]),
        people=_people(chosen),
        reasons=_reasons(chosen),
        answers=_answers(chosen),
        open=_open(selection, chosen, now),
    )


def _span(
    selection: Selection, chosen: QuerySet[Submission], now: dt.datetime
) -> tuple[dt.date, dt.date] | None:
    """The first and the last day to show, None without a row: as asked, but no more emptiness than a page
    of days has room for, and no future."""
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
    """The day whose bar the moment is in: the latest that had begun, where clocks went back over midnight."""
    day = timezone.localtime(moment).date()
    following = day + dt.timedelta(days=1)
    return following if midnight(following) <= moment else day


def _days_of_bars(first: dt.date, last: dt.date) -> tuple[Unit, list[dt.date]]:
    """The smallest unit that leaves at most :data:`MAX_BARS` bars (years as many as there are), and the day
    on which each of them begins."""
    for unit in Unit:
        firsts = list(_beginnings(unit, first, last))
        if len(firsts) <= MAX_BARS:
            break
    return unit, firsts


def _beginnings(unit: Unit, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    begins = first
    while begins <= last:
        yield begins
        begins = _next(unit, begins)


def _next(unit: Unit, day: dt.date) -> dt.date:
    if unit is Unit.DAY:
        return day + dt.timedelta(days=1)
    if unit is Unit.WEEK:
        return day + dt.timedelta(days=7 - day.weekday())
    if unit is Unit.MONTH:
        return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return dt.date(day.year + 1, 1, 1)


def _bars(chosen: QuerySet[Submission], firsts: Sequence[dt.date], last: dt.date) -> tuple[Bar, ...]:
    """One statement. The database is told the moments at which days begin and knows no zone, so a day of a
    clock change is as long as it was, whatever the zone. To count the column that is looked at anyway spares
    SQLite, which sorts the rows, another one."""
    counts = {outcome.value: Count("outcome", filter=Q(outcome=outcome)) for outcome in Outcome}
    placed = chosen.annotate(place=_place([midnight(day) for day in firsts])).values("place")
    rows = placed.annotate(**counts).values_list("place", *counts)
    counted = {place: dict(zip(Outcome, numbers, strict=True)) for place, *numbers in rows}
    none = dict.fromkeys(Outcome, 0)
    lasts = [day - dt.timedelta(days=1) for day in firsts[1:]] + [last]
    return tuple(
        Bar(first, last, counted.get(place, none))
        for place, (first, last) in enumerate(zip(firsts, lasts, strict=True))
    )


def _place(moments: Sequence[dt.datetime], first: int = 0) -> Combinable:
    """Which of the moments a row comes after, by halving: six comparisons for sixty of them."""
    if len(moments) == 1:
        return Value(first, output_field=IntegerField())
    middle = len(moments) // 2
    return Case(
        When(submitted_at__lt=moments[middle], then=_place(moments[:middle], first)),
        default=_place(moments[middle:], first + middle),
        output_field=IntegerField(),
    )


def _people(chosen: QuerySet[Submission]) -> tuple[Person, ...]:
    """Who submitted most, with what came of it; those behind the first twenty together."""
    # By the bare column SQLite would follow the index of people through the whole table, whatever was asked.
    by_person = chosen.annotate(who=F("actor_id") + 0).values("who")
    counts = by_person.annotate(total=Count("*"), created=Count("outcome", filter=Q(outcome=Outcome.CREATED)))
    rows = sorted(counts.values_list("who", "total", "created"), key=lambda row: (-row[1], row[0]))
    named, rest = rows[:MAX_PEOPLE], rows[MAX_PEOPLE:]
    names = _names([who for who, _total, _created in named])
    people = [Person(str(who), names[who], total, created) for who, total, created in named]
    if rest:
        total, created = (sum(row[place] for row in rest) for place in (1, 2))
        people.append(Person("", "", total, created, len(rest)))
    return tuple(people)


def _names(ids: Iterable[int]) -> dict[int, str]:
    """Their names; with the user name where two have the same."""
    found = get_user_model().objects.filter(pk__in=ids).values_list("pk", "name", "username")
    names = [name for _pk, name, _username in found]
    return {
        pk: f"{name} ({username})" if names.count(name) > 1 or not name else name
        for pk, name, username in found
    }


def _reasons(chosen: QuerySet[Submission]) -> tuple[Reason, ...]:
    failures = chosen.filter(outcome__in=FAILURES).values("outcome", "error_code")
    rows = failures.annotate(number=Count("*")).values_list("outcome", "error_code", "number")
    reasons = [Reason(Outcome(outcome), code, number) for outcome, code, number in rows]
    return tuple(sorted(reasons, key=lambda one: (FAILURES.index(one.outcome), -one.count, one.code)))


def _answers(chosen: QuerySet[Submission]) -> Answers:
    """One statement: in steps fine enough to tell half and 95 % of them, then summed up to the spans."""
    finely = Case(
        *(
            When(duration_ms__lt=below, then=F("duration_ms") - F("duration_ms") % step)
            for below, step in _STEPS
        ),
        default=Value(LONGEST_TOLD),
        output_field=IntegerField(),
    )
    answered = chosen.filter(duration_ms__isnull=False).annotate(step=finely)
    counts = dict(answered.values("step").annotate(number=Count("*")).values_list("step", "number"))
    spans = []
    for least, under in zip(ANSWER_EDGES, (*ANSWER_EDGES[1:], None), strict=True):
        within = (number for at, number in counts.items() if least <= at and (under is None or at < under))
        spans.append(Answered(least, under, sum(within)))
    return Answers(tuple(spans), _under(counts, 50), _under(counts, 95))


def _under(counts: Mapping[int, int], percent: int) -> int | None:
    """What so many of 100 stayed under, in milliseconds; None beyond :data:`LONGEST_TOLD`."""
    left = sum(counts.values()) * percent
    for at in sorted(counts):
        left -= counts[at] * 100
        if left <= 0:
            return next((at + step for below, step in _STEPS if at < below), None)
    return None


def _open(selection: Selection, chosen: QuerySet[Submission], now: dt.datetime) -> Open:
    unknown = chosen.filter(outcome=Outcome.UNKNOWN)
    ages = {}
    for place, (least, under) in enumerate(zip(AGE_EDGES, (*AGE_EDGES[1:], None), strict=True)):
        # Clocks differ: what seems to come from the future is as new as can be.
        newer = Q(submitted_at__lte=now - least) if least else Q()
        ages[f"age_{place}"] = Count(
            "outcome", filter=newer & Q(submitted_at__gt=now - under) if under else newer
        )
    counted = tuple(unknown.aggregate(**ages).values())
    oldest = unknown.order_by("submitted_at", "id").values_list("public_id", "submitted_at").first()
    visible = selectors.unknown_submissions(selection.viewer)
    oldest_id, oldest_at = oldest or (None, None)
    return Open(counted, oldest_id, oldest_at, elsewhere=max(visible.count() - sum(counted), 0))
