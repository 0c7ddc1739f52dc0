"""The days, weeks and months of which totals are kept, in a time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils import timezone

from apps.core.dates import midnight

DAY = dt.timedelta(days=1)

Span = tuple[dt.datetime, dt.datetime]
"""From the first moment to before the second, in UTC."""
Days = tuple[dt.date, dt.date]
"""The first and the last day, both included."""


def span_of(first: dt.date, last: dt.date) -> Span:
    """The moments of these days in the active time zone.

    In UTC: two moments of which one is in an hour that occurs twice are never equal in Python.
    """
    return midnight(first).astimezone(dt.UTC), midnight(last + DAY).astimezone(dt.UTC)


def each_day(first: dt.date, last: dt.date) -> Iterator[Days]:
    """Each of these days."""
    day = first
    while day <= last:
        yield day, day
        day += DAY


def whole_weeks(first: dt.date, last: dt.date) -> Iterator[Days]:
    """The weeks from Monday that are wholly within these days."""
    monday = first + dt.timedelta(days=-first.weekday() % 7)
    while monday + 6 * DAY <= last:
        yield monday, monday + 6 * DAY
        monday += 7 * DAY


def whole_months(first: dt.date, last: dt.date) -> Iterator[Days]:
    """The calendar months that are wholly within these days."""
    begin = first if first.day == 1 else next_month(first)
    while (following := next_month(begin)) - DAY <= last:
        yield begin, following - DAY
        begin = following


def next_month(day: dt.date) -> dt.date:
    """The first day of the following month."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


@lru_cache(maxsize=64)
def spans_to_keep(
    zone: str, first: dt.date, last: dt.date
) -> tuple[tuple[Span, ...], Mapping[Span, tuple[Span, ...]]]:
    """The days from ``first`` to ``last`` in this zone, and the whole weeks and months with their days.

    Newest first. A day that a change of the zone's calendar left out has no span.
    """
    with timezone.override(ZoneInfo(zone)):
        longer = {
            span_of(*one): _spans(*one) for each in (whole_weeks, whole_months) for one in each(first, last)
        }
        return _spans(first, last)[::-1], dict(sorted(longer.items(), reverse=True))


def _spans(first: dt.date, last: dt.date) -> tuple[Span, ...]:
    spans = (span_of(*one) for one in each_day(first, last))
    return tuple(span for span in spans if span[0] < span[1])
