"""Writes one selection into one file."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, F, Func, TextField, Value
from django.db.models.functions import Cast, Replace

from apps.core import connections
from apps.core.export.formats import Format
from apps.history.selection import Selection
from apps.history.writing.cells import Cell, CopiedCell
from apps.history.writing.layout import Layout
from apps.history.writing.people import People
from apps.history.writing.rows import Rows, chunks, compiled, copied, with_personal
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
    def rows(self, rows: Rows) -> None: ...
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
    """Write the selection's rows as of now, in the order of the selection, in the given layout.

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
    if isinstance(file, Csv) and layout.plain:
        write_lines = _write_copied if connection.vendor == "postgresql" else _write_arrays
        written = write_lines(selection, layout, file, connection, progress)
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
    """Write CSV lines that PostgreSQL makes (COPY), and append the personal cells."""
    cells: list[Expression] = [
        CopiedCell(
            key,
            alone=len(layout.columns) == 1,
            time_zone=layout.time_zone,
            times=layout.times,
        )
        for key in layout.plain
    ]
    people, separator = People(layout.personal, layout.format), layout.separator.encode()

    def with_people(line: bytes) -> bytes:
        owner, stored, plain = line.split(separator, 2)
        found = people.cells(unhexlify(stored), owner.decode())
        return b"%b%b%b\n" % (plain[:-1], separator, file.quoted(found))

    if layout.personal:
        stored = Func(F("encrypted_consumer"), template="NULLIF(encode(%(expressions)s, 'hex'), '')")
        cells = [_hex_id(), stored, *cells]
    statement = compiled(selection, cells, connection)
    rows = 0
    if statement is None:
        return Written(rows)
    with closing(copied(statement, connection, layout.separator)) as found:
        for lines in found:
            file.lines([*map(with_people, lines)] if layout.personal else lines)
            rows += len(lines)
            progress(rows)
    return Written(rows, people.unreadable)


def _write_arrays(
    selection: Selection,
    layout: Layout,
    file: Csv,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write CSV lines made from one JSON array for each row. SQLite only.

    Python fetches one text for each row more quickly than its cells (decision 255).
    """
    cells = [Cell(key, time_zone=layout.time_zone, times=layout.times) for key in layout.plain]
    # Django's JSONArray begins a transaction of another connection, to find out whether SQLite has JSON.
    array = Func(*cells, function="json_array", output_field=TextField())

    def write_chunk(plain: Rows, personal: Rows) -> None:
        file.arrays([row[0] for row in plain], personal)

    return _write_fetched(selection, layout, [array], write_chunk, connection=connection, progress=progress)


def _write_formatted(
    selection: Selection,
    layout: Layout,
    file: _File,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Write lines made from the cells that the database returns."""
    json = layout.format is Format.JSONL
    cells = [Cell(key, time_zone=layout.time_zone, times=layout.times, json=json) for key in layout.plain]

    def write_chunk(plain: Rows, personal: Rows) -> None:
        file.rows(with_personal(plain, personal))

    return _write_fetched(selection, layout, cells, write_chunk, connection=connection, progress=progress)


def _write_fetched(
    selection: Selection,
    layout: Layout,
    plain: Sequence[Expression],
    write_chunk: Callable[[Rows, Rows], None],
    *,
    connection: BaseDatabaseWrapper,
    progress: Callable[[int], None],
) -> Written:
    """Fetch the rows, and call ``write_chunk`` with the ``plain`` cells and the personal cells of each chunk.

    The personal cells are empty if the layout has no such columns.
    """
    people, is_personal = People(layout.personal, layout.format), bool(layout.personal)
    statement = compiled(
        selection,
        [*plain, F("encrypted_consumer"), _hex_id()] if is_personal else plain,
        connection,
    )
    rows = 0
    if statement is None:
        return Written(rows)
    with closing(chunks(statement, connection)) as found:
        for chunk in found:
            if is_personal:
                write_chunk([row[:-2] for row in chunk], [people.cells(*row[-2:]) for row in chunk])
            else:
                write_chunk(chunk, ())
            rows += len(chunk)
            progress(rows)
    return Written(rows, people.unreadable)


def _hex_id() -> Expression:
    """The public id of a row as 32 hexadecimal digits. Only PostgreSQL's form has hyphens."""
    return Replace(Cast("public_id", TextField()), Value("-"), output_field=TextField())
