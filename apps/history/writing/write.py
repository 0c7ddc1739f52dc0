"""Writes one selection into one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Protocol

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F, TextField, Value
from django.db.models.functions import Cast, Replace

from apps.core import connections
from apps.core.export.formats import Format
from apps.history.columns import COLUMNS
from apps.history.selection import Selection
from apps.history.writing.cells import Cell, CopiedCell
from apps.history.writing.layout import Layout
from apps.history.writing.people import People
from apps.history.writing.rows import Row, chunks, compiled, copied
from apps.history.writing.texts import Csv, JsonLines
from apps.history.writing.workbook import Workbook


@dataclass(frozen=True, slots=True)
class Written:
    """The number of rows in a file."""

    rows: int
    unreadable: int = 0  # rows whose personal cells are UNREADABLE


class _File(Protocol):
    """A file that is being written, in any format."""

    def begin(self) -> None: ...
    def rows(self, rows: Sequence[Row]) -> None: ...
    def end(self, rows: int, unreadable: int) -> None: ...


_FILES: Final[dict[Format, Callable[[Layout, Callable[[bytes], object]], _File]]] = {
    Format.XLSX: Workbook,
    Format.CSV: Csv,
    Format.CSV_EXACT: Csv,
    Format.JSONL: JsonLines,
}


def write(
    selection: Selection,
    layout: Layout,
    write_bytes: Callable[[bytes], object],
    *,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write the selection's rows as of now, newest first, in the given layout.

    The single statement uses ``connection``, which must not be in a transaction: on SQLite, a transaction
    would block every new submission. The part before the rows is written before the statement is sent.
    ``progress`` is called with the number of rows so far, at least every 1,000 rows. If ``progress``,
    ``write_bytes`` or the database raises, the statement is stopped, the error is passed on, and the file is
    incomplete. Raises ``TransactionManagementError`` inside an atomic block.
    """
    if connections.in_transaction(connection):
        raise transaction.TransactionManagementError("An export is written outside of transactions")
    file = _FILES[layout.format](layout, write_bytes)
    file.begin()
    if connection.vendor == "postgresql" and isinstance(file, Csv) and not layout.is_personal:
        written = _write_copied(selection, layout, file, connection, progress)
    else:
        written = _write_formatted(selection, layout, file, connection, progress)
    file.end(written.rows, written.unreadable)
    return written


def cancel_query(connection: BaseDatabaseWrapper) -> None:
    """Stop the statement that another thread runs on this connection. That thread's :func:`write` raises.

    Does nothing if no statement is running.
    """
    if connection.connection is None:
        return
    if connection.vendor == "postgresql":
        connection.connection.cancel_safe()
    else:
        connection.connection.interrupt()


def _write_copied(
    selection: Selection,
    layout: Layout,
    file: Csv,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write CSV lines that PostgreSQL makes (COPY)."""
    cells = [
        CopiedCell(
            key,
            alone=len(layout.columns) == 1,
            time_zone=layout.time_zone,
            times=layout.times,
        )
        for key in layout.columns
    ]
    statement = compiled(selection, cells, connection)
    rows = 0
    if statement is None:
        return Written(rows)
    with closing(copied(statement, connection, layout.separator)) as found:
        for lines in found:
            file.lines(lines)
            rows += len(lines)
            progress(rows)
    return Written(rows)


def _write_formatted(
    selection: Selection,
    layout: Layout,
    file: _File,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write lines made from the cells that the database returns."""
    json = layout.format is Format.JSONL
    plain = [key for key in layout.columns if not COLUMNS[key].personal]
    personal = [key for key in layout.columns if COLUMNS[key].personal]
    cells: list[Expression | F] = [
        Cell(key, time_zone=layout.time_zone, times=layout.times, json=json) for key in plain
    ]
    if personal:
        # Only PostgreSQL's form has hyphens.
        hex_id = Replace(Cast("public_id", TextField()), Value("-"), output_field=TextField())
        cells += [F("encrypted_consumer"), hex_id]
    people, in_order = People(personal, layout.format), _reordering(layout.columns, [*plain, *personal])
    statement = compiled(selection, cells, connection)
    rows = 0
    if statement is None:
        return Written(rows)
    with closing(chunks(statement, connection)) as found:
        for chunk in found:
            if personal:
                file.rows([in_order(row[:-2] + people.cells(*row[-2:])) for row in chunk])
            else:
                file.rows(chunk)
            rows += len(chunk)
            progress(rows)
    return Written(rows, people.unreadable)


def _reordering(wanted: Sequence[str], given: Sequence[str]) -> Callable[[Row], Row]:
    """A function that reorders the cells of a row from the order ``given`` to the order ``wanted``."""
    if len(wanted) == 1:
        return lambda row: row  # itemgetter with one item returns no tuple
    return itemgetter(*map(given.index, wanted))
