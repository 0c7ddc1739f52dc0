"""Export a range of the audit log as a file, oldest event first, with constant memory.

Each export is recorded. An incomplete file is recognisable: a complete JSON Lines file ends with a closing
line, and any error is raised to the server, which breaks the connection.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from django.db import transaction

from apps.audit.audit_events import AUDIT_EXPORT_FAILED, AUDIT_EXPORT_STARTED, AUDIT_EXPORTED
from apps.audit.events import Event, Value, nearest_number
from apps.audit.integrity.bulk_hashing import COLUMNS, HASH, StoredRow
from apps.audit.integrity.stored_rows import rows_after, rows_at
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.audit.selectors import LogFilter, matching_sequences, sequence_filter
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.export.csv_cells import BYTE_ORDER_MARK, csv_line, protect
from apps.core.export.formats import Format
from apps.core.export.json_lines import compact_json, end_marker

_TIME: Final = COLUMNS.index("time")
_FAILURE: Final = COLUMNS.index("failure")
CSV_COLUMNS: Final = ("at", *COLUMNS)
FORMATS: Final = (Format.JSONL, Format.CSV)
"""The formats in which the log can be exported."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export of the events with sequence numbers ``first`` to ``last``, both included.

    ``asked``: only the events that match these filters; None for all. Only a file of all events of a range
    can be verified as a chain.
    """

    format: Format
    first: int
    last: int
    asked: LogFilter | None = None

    def filters(self) -> list[str]:
        """The filters as events and files name them."""
        return self.asked.recorded(found=True) if self.asked else []


def find_range(
    *,
    first: int = 1,
    last: int | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> tuple[int, int] | None:
    """The sequence numbers of the first and last event within all bounds; None if there is no event.

    ``since`` is inclusive, ``until`` is exclusive.
    """
    span = sequence_filter(since, until)
    if span is None:
        return None
    within = AuditEvent.objects.filter(span, seq__gte=first).values_list("seq", flat=True)
    if last is not None:
        within = within.filter(seq__lte=last)
    lowest = within.order_by("seq").first()
    highest = within.order_by("-seq").first()
    return None if lowest is None or highest is None else (lowest, highest)


def begin(export: Export, actor: Actor) -> None:
    """Record the start of an export. Call it before sending any row."""
    _record(AUDIT_EXPORT_STARTED, export, actor)


def write(
    export: Export, actor: Actor, *, delivered: Callable[[], object] = lambda: None
) -> Generator[str, None, None]:
    """Yield the text of the file in pieces, then record the export as complete or failed, with its rows.

    ``delivered`` is called before the export is recorded as complete, so that a caller can flush its buffer.
    Raises the database's errors and those of ``delivered``. Closing the generator early (the client
    disconnected) counts as a failed export, whose rows are those that were sent: fewer may have arrived.
    """
    writer = _WRITERS[export.format]
    written, last_hash = 0, ""
    try:
        yield writer.head()
        for rows in _rows_of(export):
            release_database_connections()  # the client may be slow
            piece = _encodable("".join(map(writer.line, rows)))
            written, last_hash = written + len(rows), rows[-1][HASH]
            yield piece
        delivered()
    except BaseException:  # includes GeneratorExit, when the client disconnects: also recorded
        _record(AUDIT_EXPORT_FAILED, export, actor, rows=written)
        raise
    _record(AUDIT_EXPORTED, export, actor, rows=written)
    yield writer.end(export, written, last_hash)


def _rows_of(export: Export) -> Iterator[list[StoredRow]]:
    if export.asked is None:
        return rows_after(export.first - 1, up_to=export.last)
    return rows_at(matching_sequences(export.asked, first=export.first, last=export.last))


def _record(event_type: EventType, export: Export, actor: Actor, **facts: int) -> None:
    data: dict[str, Value] = {
        "filters": export.filters(),
        "format": str(export.format),
        "first": nearest_number(export.first),
        "last": nearest_number(export.last),
        **facts,
    }
    with transaction.atomic():
        record(Event(event_type, actor, data=data))


class _Writer(Protocol):
    """The text of a file: head, one line per event, and end."""

    def head(self) -> str: ...
    def line(self, row: StoredRow) -> str: ...
    def end(self, export: Export, rows: int, last_hash: str) -> str: ...


class _JsonLines:
    """One JSON object per line: the stored columns, ``data`` as stored, and the time in ISO 8601.

    The last line has the key ``export`` instead. A file without it is incomplete.
    """

    def head(self) -> str:
        return ""

    def line(self, row: StoredRow) -> str:
        fields = dict(zip(COLUMNS, row, strict=True))
        data = fields.pop("data")
        fields |= {"failure": _boolean(row[_FAILURE]), "at": _moment(row[_TIME])}
        if not _is_one_line_of_json(data):  # altered in the database: write it as a JSON string
            data = compact_json(data)
        return f'{compact_json(fields)[:-1]},"data":{data}}}\n'

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        filters = {"filters": export.filters()} if export.asked else {}
        return end_marker(first=export.first, last=export.last, rows=rows, hash=last_hash, **filters)


class _Csv:
    """A header line, then one line per event. Cells are protected against spreadsheet formulas.

    There is no closing line, because a spreadsheet would show it as an event.
    """

    def head(self) -> str:
        return BYTE_ORDER_MARK + csv_line(CSV_COLUMNS)

    def line(self, row: StoredRow) -> str:
        cells = ["" if value is None else value for value in row]
        cells[_FAILURE] = compact_json(_boolean(row[_FAILURE]))
        texts = (protect(cell) if isinstance(cell, str) else str(cell) for cell in cells)
        return csv_line([_moment(row[_TIME]), *texts])

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        return ""


_WRITERS: Final[dict[Format, _Writer]] = {Format.JSONL: _JsonLines(), Format.CSV: _Csv()}


def _moment(microseconds: object) -> str:
    """ISO 8601, such as ``2026-03-07T09:05:00.000001Z``; empty for an invalid time."""
    try:
        moment = clock.from_microseconds(microseconds)  # type: ignore[arg-type]  # any stored value
    except (TypeError, OverflowError):
        return ""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _boolean(stored: object) -> object:
    return {0: False, 1: True}.get(stored, stored)  # type: ignore[call-overload]  # SQLite stores 0 and 1


def _encodable(text: str) -> str:
    """The text with undecodable bytes, which SQLite may have stored as text, escaped (``\\udcff``)."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_one_line_of_json(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not any(end in text for end in "\r\n")
