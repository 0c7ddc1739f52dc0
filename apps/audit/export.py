"""The audit log as a file: a range of events, oldest first, in constant memory.

Each export is recorded. A broken file cannot be mistaken for a complete one: JSON Lines end with a marker,
and an error that stops the export is passed on to the server, which breaks the connection.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from django.db import transaction

from apps.audit.audit_events import AUDIT_EXPORT_FAILED, AUDIT_EXPORT_STARTED, AUDIT_EXPORTED
from apps.audit.events import Event, Value
from apps.audit.integrity.bulk_hashing import COLUMNS, HASH, StoredRow
from apps.audit.integrity.stored_rows import rows_after
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.audit.selectors import span_of
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.export.csv_cells import BYTE_ORDER_MARK, protect, quote
from apps.core.export.formats import Format
from apps.core.export.json_lines import compact_json, end_marker

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIME: Final = COLUMNS.index("time")
_FAILURE: Final = COLUMNS.index("failure")
CSV_COLUMNS: Final = ("at", *COLUMNS)
FORMATS: Final = (Format.JSONL, Format.CSV)
"""The formats in which the log can be exported."""


@dataclass(frozen=True, slots=True)
class Export:
    """The events from the sequence ``first`` to ``last``, both included, in a format."""

    format: Format
    first: int
    last: int


def find_range(
    *,
    first: int = 1,
    last: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> tuple[int, int] | None:
    """The sequences of the first and the last event within all of the bounds; None if there is no event.

    ``since`` is included, ``until`` is not.
    """
    span = span_of(since, until)
    if span is None:
        return None
    within = AuditEvent.objects.filter(span, seq__gte=first).values_list("seq", flat=True)
    if last is not None:
        within = within.filter(seq__lte=last)
    lowest = within.order_by("seq").first()
    highest = within.order_by("-seq").first()
    return None if lowest is None or highest is None else (lowest, highest)


def begin(export: Export, actor: Actor) -> None:
    """Record that an export begins. If this raises, no row may be sent."""
    _record(AUDIT_EXPORT_STARTED, export, actor)


def write(
    export: Export, actor: Actor, *, delivered: Callable[[], object] = lambda: None
) -> Generator[str, None, None]:
    """The text of the file in pieces. Records the end: exported, or failed, with the number of rows.

    ``delivered`` is called after the last row and before the end is recorded; a caller with a buffer flushes
    it there. Raises the database's errors and those of ``delivered``. Closing the generator early, as when
    the reader disconnects, is recorded as a failed export.
    """
    file = _FILES[export.format]
    written, last_hash = 0, ""
    try:
        yield file.head()
        for rows in rows_after(export.first - 1, up_to=export.last):
            release_database_connections()  # sending may take long
            yield _printable("".join(map(file.line, rows)))
            written, last_hash = written + len(rows), rows[-1][HASH]
        delivered()
    except BaseException:  # including GeneratorExit, when the reader disconnects
        _record(AUDIT_EXPORT_FAILED, export, actor, rows=written)
        raise
    _record(AUDIT_EXPORTED, export, actor, rows=written)
    yield file.end(export, written, last_hash)


def _record(event_type: EventType, export: Export, actor: Actor, **facts: int) -> None:
    data: dict[str, Value] = {
        "format": str(export.format),
        "first": export.first,
        "last": export.last,
        **facts,
    }
    with transaction.atomic():
        record(Event(event_type, actor, data=data))


class _File(Protocol):
    """The text of a file: the head, a line for each event, and the end."""

    def head(self) -> str: ...
    def line(self, row: StoredRow) -> str: ...
    def end(self, export: Export, rows: int, last_hash: str) -> str: ...


class _JsonLines:
    """One object per line: the stored columns, with ``data`` as stored, plus the time as text (``at``).

    The last line is the end marker.
    """

    def head(self) -> str:
        return ""

    def line(self, row: StoredRow) -> str:
        fields = dict(zip(COLUMNS, row, strict=True))
        data = fields.pop("data")
        fields |= {"failure": _boolean(row[_FAILURE]), "at": _moment(row[_TIME])}
        if not _is_one_line_of_json(data):  # altered: a JSON string stays on one line
            data = compact_json(data)
        return f'{compact_json(fields)[:-1]},"data":{data}}}\n'

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        return end_marker(first=export.first, last=export.last, rows=rows, hash=last_hash)


class _Csv:
    """A line of names, then a line for each event. No cell is read as a formula by a spreadsheet.

    There is no end marker: a spreadsheet would show it as an event.
    """

    def head(self) -> str:
        return BYTE_ORDER_MARK + _csv_line(CSV_COLUMNS)

    def line(self, row: StoredRow) -> str:
        cells = ["" if value is None else value for value in row]
        cells[_FAILURE] = compact_json(_boolean(row[_FAILURE]))
        texts = (protect(cell) if isinstance(cell, str) else str(cell) for cell in cells)
        return _csv_line([_moment(row[_TIME]), *texts])

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        return ""


_FILES: Final[dict[Format, _File]] = {Format.JSONL: _JsonLines(), Format.CSV: _Csv()}


def _csv_line(cells: Sequence[str]) -> str:
    return ",".join([quote(cell, ",") for cell in cells]) + "\r\n"  # RFC 4180


def _moment(microseconds: object) -> str:
    """Such as ``2026-03-07T09:05:00.000001Z``; empty if the stored value is not a time."""
    try:
        moment = _EPOCH + dt.timedelta(microseconds=microseconds)  # type: ignore[arg-type]  # what is stored
    except (TypeError, OverflowError):
        return ""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _boolean(stored: object) -> object:
    return {0: False, 1: True}.get(stored, stored)  # type: ignore[call-overload]  # SQLite keeps 0 and 1


def _printable(text: str) -> str:
    """The text with surrogates escaped (``\\udcff``). SQLite may return them for bytes that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_one_line_of_json(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not any(end in text for end in "\r\n")
