"""The cells of an export as expressions that the database evaluates. Every cell is a text.

For Excel, the text of a number or a time is the number that the file contains.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Model, OuterRef, Subquery, TextField
from django.db.models.sql.compiler import SQLCompiler

from apps.accounts.models import User
from apps.cdp.fields import FIELDS, Shape
from apps.consumers.models import Outcome, Submission
from apps.core.export.excel import DAY_0, FIRST_DAY
from apps.history.writing.zones import Offset, offsets

_Compiled = tuple[str, tuple[str | int, ...]]
_EXCEL_EPOCH: Final = (dt.date(1970, 1, 1) - DAY_0).days * 86_400  # seconds


class Kind(Enum):
    """The type of a column."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    DATE = "date"  # a personal column only
    UUID = "uuid"
    FLAG = "flag"


class Times(Enum):
    """How a time is written."""

    LOCAL = "local"  # 2026-03-07 08:05:00
    EXACT = "exact"  # ISO 8601 with microseconds and offset
    SERIAL = "serial"  # days as Excel counts them, to the second


AS_TEXT: Final = "\x1e"
"""Begins a cell of a column of dates or times that Excel cannot contain as such: the rest is text."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column of an export comes from: a field of the submission, or of a row that it refers to."""

    field: str
    kind: Kind = Kind.TEXT
    refers_by: str = ""  # the submission's column with the key of that row, of type ``model``
    model: type[Model] | None = None


SOURCES: Final = {
    "submitted_at": Source("submitted_at", Kind.MOMENT),
    "person": Source("actor_name"),
    "user_name": Source("username", refers_by="actor_id", model=User),
    "outcome": Source("known_outcome"),
    "order_ref": Source("order_ref"),
    "order_number": Source("order_number"),
    "consumer_ref": Source("consumer_ref"),
    "guest_ref": Source("guest_ref"),
    "finished_at": Source("finished_at", Kind.MOMENT),
    "duration_ms": Source("duration_ms", Kind.NUMBER),
    "http_status": Source("http_status", Kind.NUMBER),
    "error_code": Source("error_code"),
    "error_field": Source("error_field"),
    "resolved_how": Source("resolved_how"),
    "resolved_at": Source("resolved_at", Kind.MOMENT),
    "resolved_by": Source("resolved_by_name"),
    "resolution_reason": Source("resolution_reason"),
    "late_outcome": Source("late_outcome"),
    "late_consumer_ref": Source("late_consumer_ref"),
    "contradicted": Source("contradicted", Kind.FLAG),
    "consumer_href": Source("consumer_href"),
    "order_href": Source("order_href"),
    "guest_href": Source("guest_href"),
    "submission": Source("public_id", Kind.UUID),
    "corrects": Source("public_id", Kind.UUID, refers_by="resubmission_of_id", model=Submission),
    "batch": Source("batch", Kind.UUID),
    "batch_row": Source("batch_row", Kind.NUMBER),
}
"""The columns without personal data. people.py makes the personal ones from one encrypted text."""

_DATES: Final = frozenset(field.name for field in FIELDS if field.shape is Shape.DATE)


def kind_of(key: str) -> Kind:
    """The type of a column of ``COLUMNS``."""
    if key in SOURCES:
        return SOURCES[key].kind
    return Kind.DATE if key in _DATES else Kind.TEXT


class _UuidText(Func):
    """A UUID as text with dashes. SQLite stores 32 hexadecimal digits."""

    template = "CAST(%(expressions)s AS text)"
    output_field = TextField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_extra: Any) -> _Compiled:
        """The five parts of the digits."""
        column, _none = compiler.compile(self.get_source_expressions()[0])
        parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        return " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in parts), ()


class _KnownOutcome(Func):
    """``Submission.known_outcome``, without the parameters of ``selectors.KNOWN_OUTCOME``."""

    output_field = TextField()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_unused: Any, **_extra: Any
    ) -> _Compiled:
        """The SQL, made from that of the outcome and of whether something contradicts it."""
        outcome, contradicted = (compiler.compile(one)[0] for one in self.get_source_expressions())
        is_unknown = f"{contradicted} AND {outcome} = '{Outcome.NOT_CREATED}'"
        return f"CASE WHEN {is_unknown} THEN '{Outcome.UNKNOWN}' ELSE {outcome} END", ()


_COMPUTED: Final = {"known_outcome": _KnownOutcome(F("outcome"), F("contradicted"))}
"""The fields of sources that are properties of the model."""


class Cell(Func):
    """One cell. An absent value is an empty text.

    With ``json``, texts stay as they are, all other cells are JSON values, and an absent value is ``null``.
    """

    output_field = TextField()

    def __init__(self, key: str, *, time_zone: str, times: Times, json: bool = False) -> None:
        source = SOURCES[key]
        column: F | Func | Subquery = _COMPUTED.get(source.field) or F(source.field)
        if source.kind is Kind.UUID:
            # Within a subquery: outside, SQLite would run it once for each part of the id.
            column = _UuidText(column)
        if source.model is not None:
            # A subquery: a join would sort all rows before the first is returned.
            other = source.model._base_manager.filter(pk=OuterRef(source.refers_by))
            column = Subquery(other.values_list(column))
        super().__init__(column)
        self.kind, self.time_zone, self.times, self.json = source.kind, time_zone, times, json

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_unused: Any, **_extra: Any
    ) -> _Compiled:
        """The SQL of the cell. Neither the cell nor any of the columns has parameters."""
        column, _none = compiler.compile(self.get_source_expressions()[0])
        return self.sql(column, on_postgresql=connection.vendor == "postgresql"), ()

    def sql(self, column: str, *, on_postgresql: bool) -> str:
        """The SQL of the cell, made from the SQL of its column."""
        if self.kind is Kind.TEXT:
            return column
        if self.kind is Kind.FLAG:
            return f"CASE WHEN {column} THEN 'true' ELSE 'false' END"
        if self.kind is Kind.NUMBER:
            text = f"CAST({column} AS text)"
        elif self.kind is Kind.UUID:
            text = column
        else:
            text = local_time(column, self.time_zone, self.times, on_postgresql=on_postgresql)
        if not self.json:
            return f"COALESCE({text}, '')"
        return (
            f"COALESCE({text}, 'null')"
            if self.kind is Kind.NUMBER
            else f"COALESCE('\"' || {text} || '\"', 'null')"
        )


class CopiedCell(Cell):
    """A cell for PostgreSQL's own CSV (COPY). An absent value is null.

    ``alone``: the line has no other cell. Then an absent value is an empty text, which COPY writes as ``""``:
    an empty line would be no row.
    """

    def __init__(self, key: str, *, alone: bool, time_zone: str, times: Times) -> None:
        super().__init__(key, time_zone=time_zone, times=times)
        self.alone = alone

    def sql(self, column: str, *, on_postgresql: bool) -> str:
        """The SQL of the cell, made from the SQL of its column."""
        if self.alone:
            return super().sql(column, on_postgresql=on_postgresql)
        if self.kind is Kind.TEXT:
            return f"NULLIF({column}, '')"
        if self.kind is Kind.MOMENT:
            return local_time(column, self.time_zone, self.times, on_postgresql=on_postgresql)
        return super().sql(column, on_postgresql=on_postgresql) if self.kind is Kind.FLAG else column


def _literal(text: str) -> str:
    # Django reads % as a parameter.
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def local_time(column: str, time_zone: str, times: Times, *, on_postgresql: bool) -> str:
    """The SQL of a time as text."""
    if on_postgresql:
        return _time_on_postgresql(column, time_zone, times)
    return _binary_search(column, offsets(time_zone), lambda offset: _time_on_sqlite(column, offset, times))


def _time_on_postgresql(column: str, time_zone: str, times: Times) -> str:
    local, utc = (f"({column} AT TIME ZONE {_literal(zone)})" for zone in (time_zone, "UTC"))
    if "/" not in time_zone and time_zone != "UTC":
        # Many such names are also abbreviations, which PostgreSQL prefers: its CET has no summer time.
        return _binary_search(
            utc, offsets(time_zone), lambda offset: _offset_on_postgresql(utc, offset, times)
        )
    if times is Times.LOCAL:
        return _plain_time_on_postgresql(local)
    if times is Times.SERIAL:
        return _serial_on_postgresql(local)
    # Quick for the offsets in Python's data of the zone. PostgreSQL's data may contain others.
    known = {offset.seconds: offset.text for offset in offsets(time_zone)}
    quick = "".join(f" WHEN interval '{seconds} s' THEN '{text}'" for seconds, text in known.items())
    sign = f"CASE WHEN {local} < {utc} THEN '-' ELSE '+' END"
    other = f"{sign} || to_char(greatest({local} - {utc}, {utc} - {local}), 'HH24:MI')"
    offset = f"CASE {local} - {utc}{quick} ELSE {other} END"
    return f"{_exact_time_on_postgresql(local)} || {offset}"


def _offset_on_postgresql(utc: str, offset: Offset, times: Times) -> str:
    local = f"({utc} + interval '{offset.seconds} s')"
    if times is Times.LOCAL:
        return _plain_time_on_postgresql(local)
    if times is Times.SERIAL:
        return _serial_on_postgresql(local)
    return f"{_exact_time_on_postgresql(local)} || '{offset.text}'"


def _plain_time_on_postgresql(local: str) -> str:
    return f"to_char({local}, 'YYYY-MM-DD HH24:MI:SS')"


def _serial_on_postgresql(local: str) -> str:
    serial = f"((floor(date_part('epoch', {local})) + {_EXCEL_EPOCH}) / 86400)::text"
    text = f"'{AS_TEXT}' || {_plain_time_on_postgresql(local)}"
    return f"CASE WHEN {local} < '{FIRST_DAY}' THEN {text} ELSE {serial} END"


def _exact_time_on_postgresql(local: str) -> str:
    return f"""to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""


def _binary_search(column: str, known: Sequence[Offset], leaf: Callable[[Offset], str]) -> str:
    """The SQL that picks the offset in force by binary search. ``column``: a time in UTC, without a zone.

    SQLite has no time zones. A century of changes takes eight comparisons.
    """
    if len(known) == 1:
        return leaf(known[0])
    middle = len(known) // 2
    earlier, later = (_binary_search(column, half, leaf) for half in (known[:middle], known[middle:]))
    since = known[middle].since.strftime("%Y-%m-%d %H:%M:%S")
    return f"CASE WHEN {column} < '{since}' THEN {earlier} ELSE {later} END"


def _time_on_sqlite(column: str, offset: Offset, times: Times) -> str:
    # Stored as "2026-03-07 08:05:00" in UTC, plus microseconds unless 0. SQLite's functions would round them.
    # datetime() returns the text of strftime('%Y-%m-%d %H:%M:%S') in two thirds of the time.
    whole = f"substr({column}, 1, 19)"
    shift = f"'{offset.seconds:+} seconds'"
    if times is Times.EXACT:
        local = f"strftime('%%Y-%%m-%%dT%%H:%%M:%%S', {whole}, {shift})"
        return f"{local} || substr({column} || '.000000', 20, 7) || '{offset.text}'"
    local = f"datetime({whole}, {shift})"
    if times is Times.SERIAL:
        seconds = f"(strftime('%%s', {whole}) + {offset.seconds + _EXCEL_EPOCH})"
        # 16 digits give the nearest floating-point number; a cast to text would give 15.
        serial = f"printf('%%!.16g', {seconds} / 86400.0)"
        # The column is in UTC, so a day more. printf would make a number of an absent value.
        early = f"WHEN {column} < '{FIRST_DAY + dt.timedelta(days=1)}' THEN '{AS_TEXT}' || {local}"
        return f"CASE {early} WHEN {column} IS NOT NULL THEN {serial} END"
    return local
