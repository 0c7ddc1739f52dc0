"""The audit log as a file: a range of events, oldest first, in memory that does not grow with the range.

An export is itself recorded. A broken file cannot be taken for a whole one: JSON Lines end in a line
that says so, and whatever stops the export is raised through to the server, which breaks the connection.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from django.db import transaction

from apps.audit.audit_events import AUDIT_EXPORT_FAILED, AUDIT_EXPORT_STARTED, AUDIT_EXPORTED
from apps.audit.events import Event
from apps.audit.integrity.bulk_hashing import COLUMNS, HASH, StoredRow
from apps.audit.integrity.stored_rows import rows_after
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.audit.selectors import span_of
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.spreadsheet import protect

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIME: Final = COLUMNS.index("time")
_FAILURE: Final = COLUMNS.index("failure")
BYTE_ORDER_MARK: Final = "\ufeff"
"""By which Excel knows that a CSV file is UTF-8."""
CSV_COLUMNS: Final = ("at", *COLUMNS)


class Format(StrEnum):
    """How the events are written."""

    JSONL = "jsonl"
    CSV = "csv"


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
    """The sequences of the first and the last event there is within all of the bounds; None for no event.

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
    """Record that an export begins. Without this event no row is sent."""
    _record(AUDIT_EXPORT_STARTED, export, actor)


def write(
    export: Export, actor: Actor, *, delivered: Callable[[], object] = lambda: None
) -> Generator[str, None, None]:
    """The text of the file, piece by piece. Its end is recorded: exported, or failed after how many rows.

    ``delivered`` is called before it is recorded that all rows were sent; whoever holds a buffer empties it
    there. Raises the database's errors, and whatever ``delivered`` raises. Given up early (the reader went
    away), it is a failed export.
    """
    form = _FORMS[export.format]
    written, last_hash = 0, ""
    try:
        yield form.head()
        for rows in rows_after(export.first - 1, up_to=export.last):
            release_database_connections()  # the reader may be slow
            yield _printable("".join(map(form.line, rows)))
            written, last_hash = written + len(rows), rows[-1][HASH]
        delivered()
    except BaseException:  # the reader's end, too (GeneratorExit): that has to be recorded
        _record(AUDIT_EXPORT_FAILED, export, actor, rows=written)
        raise
    _record(AUDIT_EXPORTED, export, actor, rows=written)
    yield form.end(export, written, last_hash)


def _record(event_type: EventType, export: Export, actor: Actor, **facts: int) -> None:
    data = {"format": export.format.value, "first": export.first, "last": export.last, **facts}
    with transaction.atomic():
        record(Event(event_type, actor, data=data))


class _Form(Protocol):
    """The text of a file: what stands before the events, each event, and what stands behind them."""

    def head(self) -> str: ...
    def line(self, row: StoredRow) -> str: ...
    def end(self, export: Export, rows: int, last_hash: str) -> str: ...


class _JsonLines:
    """One object a line: the stored columns, with ``data`` as it is stored and the time in words.

    The last line has the key ``export`` instead. Without it the file is not whole.
    """

    def head(self) -> str:
        return ""

    def line(self, row: StoredRow) -> str:
        fields = dict(zip(COLUMNS, row, strict=True))
        data = fields.pop("data")
        fields |= {"failure": _boolean(row[_FAILURE]), "at": _moment(row[_TIME])}
        if not _is_one_line_of_json(data):  # somebody has changed it: as a text it breaks no line
            data = _json(data)
        return f'{_json(fields)[:-1]},"data":{data}}}\n'

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        whole = {
            "export": "whole",
            "first": export.first,
            "last": export.last,
            "rows": rows,
            "hash": last_hash,
        }
        return _json(whole) + "\n"


class _Csv:
    """A line of names, then a line for each event; no cell becomes a formula in a spreadsheet.

    It has no last line of its own, which spreadsheets would take for an event.
    """

    def head(self) -> str:
        return BYTE_ORDER_MARK + _csv_line(CSV_COLUMNS)

    def line(self, row: StoredRow) -> str:
        cells = ["" if value is None else value for value in row]
        cells[_FAILURE] = _json(_boolean(row[_FAILURE]))
        texts = (protect(cell) if isinstance(cell, str) else str(cell) for cell in cells)
        return _csv_line([_moment(row[_TIME]), *texts])

    def end(self, export: Export, rows: int, last_hash: str) -> str:
        return ""


_FORMS: Final[dict[Format, _Form]] = {Format.JSONL: _JsonLines(), Format.CSV: _Csv()}


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)  # RFC 4180: CRLF, quotation marks doubled
    return line.getvalue()


# A log that somebody has meddled with is exported, too: no value of a row stops the file.
def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _moment(microseconds: object) -> str:
    """Such as ``2026-03-07T09:05:00.000001Z``; empty for what is no time."""
    try:
        moment = _EPOCH + dt.timedelta(microseconds=microseconds)  # type: ignore[arg-type]  # what is stored
    except (TypeError, OverflowError):
        return ""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _boolean(stored: object) -> object:
    return {0: False, 1: True}.get(stored, stored)  # type: ignore[call-overload]  # SQLite keeps 0 and 1


def _printable(text: str) -> str:
    """The same where all of it is text; what SQLite keeps as text and is none is spelt out (``\\udcff``)."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_one_line_of_json(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not any(end in text for end in "\r\n")
