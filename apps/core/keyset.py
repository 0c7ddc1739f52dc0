"""Keyset pagination: the rows that are newer or older than a given row.

There are no page numbers, offsets or counts: every page costs the same, and new rows do not shift pages. The
condition is a range with a tie-breaker, ``a <= x AND (a < x OR b < y)``. SQLite and PostgreSQL both answer
this form from an index; they do not for ``a < x OR (a = x AND b < y)`` and SQLite's row values (measured).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import BadRequest
from django.db.models import DateTimeField, Model, Q, QuerySet

from apps.core import clock

OLDER_THAN = "before"
NEWER_THAN = "after"
NAMES = (OLDER_THAN, NEWER_THAN)
"""Query parameters of a page's address. Only one of them may be present."""

Row = TypeVar("Row", bound=Model)


class UnreadableKey(BadRequest):
    """The position in an address was cut or changed: a 400 page. The exception has no text."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after the row with this key, in the direction of newer or older rows."""

    key: tuple[int, ...]
    newer: bool

    def __str__(self) -> str:
        """The query parameter, such as ``before=1772841600000000-17``."""
        return f"{NEWER_THAN if self.newer else OLDER_THAN}={'-'.join(map(str, self.key))}"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows in display order, and the positions of the neighbouring pages (None if there is none)."""

    rows: list[Row]
    newer: Position | None = None
    older: Position | None = None


def page_of(
    lists: Sequence[QuerySet[Row]],
    by: Sequence[str],
    *,
    size: int,
    position: Position | None = None,
    oldest_first: bool = False,
    whole: QuerySet[Row] | None = None,
) -> Page[Row]:
    """The page of at most ``size`` rows after the position, newest first unless ``oldest_first``.

    The list is the union of ``lists``; a row in several of them appears once. (One query with OR over several
    columns would sort all rows first; a page of each list comes from an index.)
    ``by`` names one or two fields (integers or datetimes) or annotations (integers) of ``lists`` and
    ``whole``; "newer" means a greater key. The last one is unique.
    ``whole`` is the queryset that rows are fetched from by key, without the conditions of the lists: with
    them, SQLite would scan an index of a condition instead of looking up fifty keys.
    Raises :class:`UnreadableKey` for a position outside the calendar.
    """
    newer = oldest_first if position is None else position.newer
    backwards = newer != oldest_first
    found = _fetch_nearest(lists, by, size + 1, position, newer=newer, whole=whole)
    more = len(found) > size
    if backwards and not more:
        # Going back has reached the beginning: return the full first page.
        return page_of(lists, by, size=size, oldest_first=oldest_first, whole=whole)
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page(found)
    # In the other direction there is always the row that the reader came from.
    back = Position(_key(found[0], by), newer=not oldest_first) if position is not None else None
    onwards = Position(_key(found[-1], by), newer=oldest_first) if backwards or more else None
    return Page(found, newer=onwards, older=back) if oldest_first else Page(found, newer=back, older=onwards)


def _fetch_nearest(
    lists: Sequence[QuerySet[Row]],
    by: Sequence[str],
    number: int,
    position: Position | None,
    *,
    newer: bool,
    whole: QuerySet[Row] | None,
) -> list[Row]:
    """The rows next to the position: first a query for their keys, from an index alone, then for the rows.

    With one query, PostgreSQL scans from the newest row and discards rows that do not match the filter. It
    assumes that matches are spread evenly, and reads the whole table if they are all old.
    """
    order = [name if newer else f"-{name}" for name in by]
    found: dict[tuple[Any, ...], int] = {}  # key to the index of its list
    for index, rows in enumerate(lists):
        wanted = rows if position is None else rows.filter(after_position(rows.model, by, position))
        found |= dict.fromkeys(wanted.order_by(*order).values_list(*by)[:number], index)
    nearest = sorted(found, reverse=not newer)[:number]
    unique = by[-1]
    rows_by_key = {
        getattr(row, unique): row
        for index in {found[key] for key in nearest}
        for row in (lists[index] if whole is None else whole).filter(
            **{f"{unique}__in": [key[-1] for key in nearest if found[key] == index]}
        )
    }
    # Skip a row that was deleted between the two queries.
    return [rows_by_key[key[-1]] for key in nearest if key[-1] in rows_by_key]


def after_position(model: type[Model], by: Sequence[str], position: Position) -> Q:
    """The condition for all rows after the position. Raises :class:`UnreadableKey` as :func:`page_of`."""
    than = "gt" if position.newer else "lt"
    first, *tie_breaker = by
    moment, *last = (
        _column_value(model, name, number) for name, number in zip(by, position.key, strict=True)
    )
    if not tie_breaker:
        return Q(**{f"{first}__{than}": moment})
    return Q(**{f"{first}__{than}e": moment}) & (
        Q(**{f"{first}__{than}": moment}) | Q(**{f"{tie_breaker[0]}__{than}": last[0]})
    )


def _column_value(model: type[Model], name: str, number: int) -> int | dt.datetime:
    # An annotation of the lists, such as a duration, is an integer.
    known = {field.name: field for field in model._meta.concrete_fields}
    if not isinstance(known.get(name), DateTimeField):
        return number
    try:
        return clock.from_microseconds(number)
    except OverflowError:
        raise UnreadableKey from None


def _key(row: Model, by: Sequence[str]) -> tuple[int, ...]:
    values = (getattr(row, name) for name in by)
    return tuple(
        clock.to_microseconds(value) if isinstance(value, dt.datetime) else int(value) for value in values
    )
