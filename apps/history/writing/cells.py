"""What stands in the cells of an export, as expressions that the database evaluates: every cell is a text."""

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
    """What a column of the table holds."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    UUID = "uuid"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column of an export comes from."""

    field: str  # of the submission; empty for the one that it corrects
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
"""The columns that are not personal. The personal ones are made from one encrypted text, here: people.py."""


class Cell(Func):
    """One cell. What is absent is an empty text; in JSON, where all but texts are JSON values, ``null``."""

    output_field = TextField()

    def __init__(self, key: str, *, time_zone: str, exact_times: bool, json: bool = False) -> None:
        source = SOURCES[key]
        # Nearly no row has another submission. Joined, all rows would be sorted before the first one comes.
        other = Submission.objects.filter(pk=OuterRef("resubmission_of")).values("public_id")
        super().__init__(F(source.field) if source.field else Subquery(other))
        self.kind, self.time_zone, self.exact_times, self.json = source.kind, time_zone, exact_times, json

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_unused: Any, **_extra: Any
    ) -> _Compiled:
        """The SQL of the cell; it has no parameters, nor has any of the columns."""
        column, _none = compiler.compile(self.get_source_expressions()[0])
        return self.sql(column, on_postgresql=connection.vendor == "postgresql"), ()

    def sql(self, column: str, *, on_postgresql: bool) -> str:
        """The cell of this column, given as SQL."""
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
    """A cell for PostgreSQL's own CSV (COPY), where null is what is absent: ``""`` in a line of one cell."""

    def __init__(self, key: str, *, alone: bool, time_zone: str, exact_times: bool) -> None:
        super().__init__(key, time_zone=time_zone, exact_times=exact_times)
        self.alone = alone

    def sql(self, column: str, *, on_postgresql: bool) -> str:
        """The cell of this column, given as SQL."""
        if self.alone:
            return super().sql(column, on_postgresql=on_postgresql)
        if self.kind is Kind.TEXT:
            return f"NULLIF({column}, '')"
        if self.kind is Kind.MOMENT:
            return local_time(column, self.time_zone, exact=self.exact_times, on_postgresql=on_postgresql)
        return super().sql(column, on_postgresql=on_postgresql) if self.kind is Kind.FLAG else column


def _literal(text: str) -> str:
    # Django takes % for a parameter.
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def _dashed(column: str) -> str:
    """A UUID as SQLite has it, without dashes, in its usual form."""
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in parts)


def local_time(column: str, time_zone: str, *, exact: bool, on_postgresql: bool) -> str:
    """A moment as a text: ISO 8601 with microseconds and offset, or to the second as spreadsheets know it."""
    if on_postgresql:
        return _time_on_postgresql(column, time_zone, exact=exact)
    return _choice(column, offsets(time_zone), lambda offset: _time_on_sqlite(column, offset, exact=exact))


def _time_on_postgresql(column: str, time_zone: str, *, exact: bool) -> str:
    local, utc = (f"({column} AT TIME ZONE {_literal(zone)})" for zone in (time_zone, "UTC"))
    if not exact:
        return f"to_char({local}, 'YYYY-MM-DD HH24:MI:SS')"
    # Quick for the few offsets that Python knows of the zone; PostgreSQL may know others.
    known = {offset.seconds: offset.text for offset in offsets(time_zone)}
    quick = "".join(f" WHEN interval '{seconds} s' THEN '{text}'" for seconds, text in known.items())
    sign = f"CASE WHEN {local} < {utc} THEN '-' ELSE '+' END"
    other = f"{sign} || to_char(greatest({local} - {utc}, {utc} - {local}), 'HH24:MI')"
    offset = f"CASE {local} - {utc}{quick} ELSE {other} END"
    return f"""to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS.US') || {offset}"""


def _choice(column: str, known: Sequence[Offset], leaf: Callable[[Offset], str]) -> str:
    """SQLite knows no time zones. The offset in force is found by halves: eight comparisons for a century."""
    if len(known) == 1:
        return leaf(known[0])
    middle = len(known) // 2
    earlier, later = (_choice(column, half, leaf) for half in (known[:middle], known[middle:]))
    since = known[middle].since.strftime("%Y-%m-%d %H:%M:%S")
    return f"CASE WHEN {column} < '{since}' THEN {earlier} ELSE {later} END"


def _time_on_sqlite(column: str, offset: Offset, *, exact: bool) -> str:
    # Stored as "2026-03-07 08:05:00" in UTC, with microseconds if there are any: strftime would round them.
    whole = f"substr({column}, 1, 19)"
    form = "%%Y-%%m-%%dT%%H:%%M:%%S" if exact else "%%Y-%%m-%%d %%H:%%M:%%S"
    local = f"strftime('{form}', {whole}, '{offset.seconds:+} seconds')"
    return f"{local} || substr({column} || '.000000', 20, 7) || '{offset.text}'" if exact else local
