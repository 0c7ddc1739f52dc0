"""The cells of an export as expressions that the database evaluates. Every cell is a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, OuterRef, Subquery, TextField
from django.db.models.sql.compiler import SQLCompiler

from apps.consumers.models import Submission
from apps.history.writing.zones import Offset, offsets

_Compiled = tuple[str, tuple[str | int, ...]]


class Kind(Enum):
    """The type of a column of the table."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    UUID = "uuid"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """The field of the submission from which a column of an export is made."""

    field: str  # empty: the public id of the submission that this one corrects
    kind: Kind = Kind.TEXT


SOURCES: Final = {
    "submitted_at": Source("submitted_at", Kind.MOMENT),
    "person": Source("actor_name"),
    "outcome": Source("outcome"),
    "order_ref": Source("order_ref"),
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
    "corrects": Source("", Kind.UUID),
}
"""The columns without personal data. people.py makes the personal ones from one encrypted text."""


class Cell(Func):
    """One cell. An absent value is an empty text.

    With ``json``, texts stay as they are, all other cells are JSON values, and an absent value is ``null``.
    """

    output_field = TextField()

    def __init__(self, key: str, *, time_zone: str, exact_times: bool, json: bool = False) -> None:
        source = SOURCES[key]
        # A subquery, as few rows have one: a join would sort all rows before the first is returned.
        other = Submission.objects.filter(pk=OuterRef("resubmission_of")).values("public_id")
        super().__init__(F(source.field) if source.field else Subquery(other))
        self.kind, self.time_zone, self.exact_times, self.json = source.kind, time_zone, exact_times, json

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
            text = f"CAST({column} AS text)" if on_postgresql else _dashed(column)
        else:
            text = local_time(column, self.time_zone, exact=self.exact_times, on_postgresql=on_postgresql)
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

    def __init__(self, key: str, *, alone: bool, time_zone: str, exact_times: bool) -> None:
        super().__init__(key, time_zone=time_zone, exact_times=exact_times)
        self.alone = alone

    def sql(self, column: str, *, on_postgresql: bool) -> str:
        """The SQL of the cell, made from the SQL of its column."""
        if self.alone:
            return super().sql(column, on_postgresql=on_postgresql)
        if self.kind is Kind.TEXT:
            return f"NULLIF({column}, '')"
        if self.kind is Kind.MOMENT:
            return local_time(column, self.time_zone, exact=self.exact_times, on_postgresql=on_postgresql)
        return super().sql(column, on_postgresql=on_postgresql) if self.kind is Kind.FLAG else column


def _literal(text: str) -> str:
    # Django reads % as a parameter.
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _dashed(column: str) -> str:
    """A UUID with dashes, from the 32 hexadecimal digits that SQLite stores."""
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in parts)


def local_time(column: str, time_zone: str, *, exact: bool, on_postgresql: bool) -> str:
    """A time as text: with ``exact``, ISO 8601 with microseconds and offset; else ``2026-03-07 08:05:00``."""
    if on_postgresql:
        return _time_on_postgresql(column, time_zone, exact=exact)
    return _binary_search(
        column, offsets(time_zone), lambda offset: _time_on_sqlite(column, offset, exact=exact)
    )


def _time_on_postgresql(column: str, time_zone: str, *, exact: bool) -> str:
    local, utc = (f"({column} AT TIME ZONE {_literal(zone)})" for zone in (time_zone, "UTC"))
    if not exact:
        return f"to_char({local}, 'YYYY-MM-DD HH24:MI:SS')"
    # Quick for the offsets in Python's data of the zone. PostgreSQL's data may contain others.
    known = {offset.seconds: offset.text for offset in offsets(time_zone)}
    quick = "".join(f" WHEN interval '{seconds} s' THEN '{text}'" for seconds, text in known.items())
    sign = f"CASE WHEN {local} < {utc} THEN '-' ELSE '+' END"
    other = f"{sign} || to_char(greatest({local} - {utc}, {utc} - {local}), 'HH24:MI')"
    offset = f"CASE {local} - {utc}{quick} ELSE {other} END"
    return f"""to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS.US') || {offset}"""


def _binary_search(column: str, known: Sequence[Offset], leaf: Callable[[Offset], str]) -> str:
    """The SQL that picks the offset in force by binary search. SQLite has no time zones.

    A century of changes takes eight comparisons.
    """
    if len(known) == 1:
        return leaf(known[0])
    middle = len(known) // 2
    earlier, later = (_binary_search(column, half, leaf) for half in (known[:middle], known[middle:]))
    since = known[middle].since.strftime("%Y-%m-%d %H:%M:%S")
    return f"CASE WHEN {column} < '{since}' THEN {earlier} ELSE {later} END"


def _time_on_sqlite(column: str, offset: Offset, *, exact: bool) -> str:
    # Stored as "2026-03-07 08:05:00" in UTC, plus microseconds unless 0. strftime would round them.
    whole = f"substr({column}, 1, 19)"
    form = "%%Y-%%m-%%dT%%H:%%M:%%S" if exact else "%%Y-%%m-%%d %%H:%%M:%%S"
    local = f"strftime('{form}', {whole}, '{offset.seconds:+} seconds')"
    return f"{local} || substr({column} || '.000000', 20, 7) || '{offset.text}'" if exact else local
