"""Pages of a list by key: what is newer or older than a row that the reader has seen.

No page numbers, no offsets, no counting: a page costs the same wherever it is, and what is added meanwhile
moves no page. The condition is a range with a tie-breaker, ``a <= x AND (a < x OR b < y)``: the form that
both SQLite and PostgreSQL answer from an index (measured; ``a < x OR (a = x AND b < y)`` and SQLite's row
values are not).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import BadRequest
from django.db.models import DateTimeField, Model, Q, QuerySet
from django.http import QueryDict

from apps.core.form_input import single_value

OLDER_THAN = "before"
NEWER_THAN = "after"
NAMES = (OLDER_THAN, NEWER_THAN)
"""What the address of a page may hold; either, not both."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LATEST = (dt.datetime.max.replace(tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND

Row = TypeVar("Row", bound=Model)


class UnreadableKey(BadRequest):
    """The address of a page is cut or changed: a 400 page says so. The text of the exception is empty."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: next to the row with that key (not at it), towards the newer or the older ones."""

    key: tuple[int, ...]
    newer: bool

    def __str__(self) -> str:
        """As it stands in an address: ``before=1772841600000000-17``."""
        return f"{NEWER_THAN if self.newer else OLDER_THAN}={'-'.join(map(str, self.key))}"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in the order of reading, and where the neighbours begin (None: there is no such page)."""

    rows: list[Row]
    newer: Position | None = None
    older: Position | None = None


def read_position(values: QueryDict, by: Sequence[str]) -> Position | None:
    """The position in an address; None without one, which is the first page.

    Raises :class:`UnreadableKey` for a position of another kind, ``ConflictingValues`` for two values.
    """
    texts = {name: single_value(values, name) for name in NAMES if name in values}
    if not texts:
        return None
    if len(texts) > 1:
        raise UnreadableKey
    [(name, text)] = texts.items()
    parts = text.split("-")
    if len(parts) != len(by) or not all(part.isascii() and part.isdecimal() for part in parts):
        raise UnreadableKey
    key = tuple(int(part) for part in parts if len(part) < 20)
    if len(key) != len(by) or max(key) >= 2**63:
        raise UnreadableKey
    return Position(key, newer=name == NEWER_THAN)


def page_of(
    lists: Sequence[QuerySet[Row]],
    by: Sequence[str],
    *,
    size: int,
    position: Position | None = None,
    oldest_first: bool = False,
    whole: QuerySet[Row] | None = None,
) -> Page[Row]:
    """At most ``size`` rows beyond the position, newest first unless ``oldest_first``.

    ``lists`` together are the list, a row that is in several of them once: an OR over several columns would
    be sorted as a whole before its first row comes out, while a page of each comes from that column's index.
    ``by`` names one or two fields (whole numbers or moments), the last of them unique; both grow with time.
    ``whole`` is what the rows are read from once their keys are known, without the conditions of the lists:
    SQLite would rather follow an index of one of these than fifty keys.
    Raises :class:`UnreadableKey` for a moment that no calendar has.
    """
    newer = oldest_first if position is None else position.newer
    backwards = newer != oldest_first
    found = _nearest(lists, by, size + 1, position, newer=newer, whole=whole)
    more = len(found) > size
    if backwards and not more:
        # The way back has come to the beginning: the first page, and a whole one.
        return page_of(lists, by, size=size, oldest_first=oldest_first, whole=whole)
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page(found)
    # On the other side there is always the row that the reader came from.
    back = Position(_key(found[0], by), newer=not oldest_first) if position is not None else None
    onwards = Position(_key(found[-1], by), newer=oldest_first) if backwards or more else None
    return Page(found, newer=onwards, older=back) if oldest_first else Page(found, newer=back, older=onwards)


def _nearest(
    lists: Sequence[QuerySet[Row]],
    by: Sequence[str],
    number: int,
    position: Position | None,
    *,
    newer: bool,
    whole: QuerySet[Row] | None,
) -> list[Row]:
    """The rows next to the position: first their keys, which an index alone can tell, then the rows.

    Asked for whole rows, PostgreSQL takes the newest of all and throws away what the filter does not want: it
    expects those to be spread evenly, and reads the whole table for a person who left years ago.
    """
    order = [name if newer else f"-{name}" for name in by]
    found: dict[tuple[Any, ...], int] = {}  # the list that a key is from
    for index, rows in enumerate(lists):
        wanted = rows if position is None else rows.filter(beyond(rows.model, by, position))
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
    # One that was deleted between the two readings is left out.
    return [rows_by_key[key[-1]] for key in nearest if key[-1] in rows_by_key]


def beyond(model: type[Model], by: Sequence[str], position: Position) -> Q:
    """What is on the page that begins there, or on one behind it. Raises as :func:`page_of` does."""
    than = "gt" if position.newer else "lt"
    first, *tie_breaker = by
    moment, *last = (_stored(model, name, number) for name, number in zip(by, position.key, strict=True))
    if not tie_breaker:
        return Q(**{f"{first}__{than}": moment})
    return Q(**{f"{first}__{than}e": moment}) & (
        Q(**{f"{first}__{than}": moment}) | Q(**{f"{tie_breaker[0]}__{than}": last[0]})
    )


def _stored(model: type[Model], name: str, number: int) -> int | dt.datetime:
    if not isinstance(model._meta.get_field(name), DateTimeField):
        return number
    if number > _LATEST:
        raise UnreadableKey
    return _EPOCH + number * _MICROSECOND


def _key(row: Model, by: Sequence[str]) -> tuple[int, ...]:
    values = (getattr(row, name) for name in by)
    return tuple(
        (value - _EPOCH) // _MICROSECOND if isinstance(value, dt.datetime) else int(value) for value in values
    )
