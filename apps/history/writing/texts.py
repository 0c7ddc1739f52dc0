"""CSV and JSON Lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Final

from apps.core.export.csv_cells import BYTE_ORDER_MARK, PARTED_BY, protect, quote
from apps.core.export.formats import Format
from apps.core.export.json_lines import end_marker
from apps.history.columns import COLUMNS
from apps.history.writing.cells import Kind, kind_of
from apps.history.writing.layout import Layout
from apps.history.writing.rows import Row

# Matches most of the cells that need neither quotes nor guards.
_PLAIN_CELL: Final = re.compile(f'[0-9A-Za-z][^"{PARTED_BY}]*')
_LETTERS: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Csv:
    """A line of headings, then a line for each row. RFC 4180, except that lines end in LF alone."""

    def __init__(self, layout: Layout, write_bytes: Callable[[bytes], object]) -> None:
        self._write_bytes = write_bytes
        self._layout = layout
        self._protected = layout.format is Format.CSV
        self._separator = layout.separator
        # Kinds of bytes: 0 separates cells or lines; 1 is plain; 2 needs quotes or guards anywhere in a cell;
        # 3 needs them only as a cell's first byte.
        kinds = bytearray(b"\x03" * 256)
        for letter in _LETTERS:
            kinds[letter] = 1
        for special in ('"\r' + (PARTED_BY if self._protected else "")).encode():
            kinds[special] = 2
        for end in self._separator.encode() + b"\n":
            kinds[end] = 0
        self._kinds = bytes(kinds)
        separator = self._separator
        # One cell of a line that PostgreSQL has made, quoted or bare, with the separator after it.
        self._cell = re.compile(f'(?:"([^"]*(?:""[^"]*)*)"|([^{separator}"\n]*))[{separator}\n]')

    def begin(self) -> None:
        """Write the part before the rows."""
        mark = BYTE_ORDER_MARK if self._layout.byte_order_mark else ""
        self._write_bytes(f"{mark}{self._separator.join(self._layout.headings)}\n".encode())

    def rows(self, rows: Sequence[Row]) -> None:
        """Write these rows. Most of them need neither quotes nor guards and are written unchanged."""
        lines = self._joined(rows)
        if not self._is_plain(lines, len(rows)):
            one_by_one = ((row, self._joined([row])) for row in rows)
            lines = b"".join(line if self._is_plain(line, 1) else self._line(row) for row, line in one_by_one)
        self._write_bytes(lines)

    def lines(self, lines: Sequence[bytes]) -> None:
        """Write lines that PostgreSQL has made (COPY), quotes included, and insert the guards.

        Inserting the guards by SQL would take seven times as long as making the lines.
        """
        together = b"".join(lines)
        if self._protected and not self._is_plain(together, len(lines)):
            together = b"".join(
                line if self._is_plain(line, 1) else self._line(self._read(line)) for line in lines
            )
        self._write_bytes(together)

    def end(self, rows: int, unreadable: int) -> None:
        """Write nothing: a spreadsheet would read an end marker as a row."""

    def _joined(self, rows: Sequence[Row]) -> bytes:
        return ("\n".join(map(self._separator.join, rows)) + "\n").encode()

    def _is_plain(self, lines: bytes, rows: int) -> bool:
        """Whether no cell of these ``rows`` lines needs quotes or guards; False if in doubt."""
        kinds = lines.translate(self._kinds)
        columns = len(self._layout.columns)
        if columns == 1 or kinds.count(0) != rows * columns or 2 in kinds:
            return False
        return not (self._protected and (kinds[0] == 3 or b"\0\3" in kinds))

    def _read(self, line: bytes) -> Row:
        """The cells of a line that PostgreSQL has made. It quotes a cell as a whole or not at all."""
        found = self._cell.findall(line.decode())
        return tuple([quoted.replace('""', '"') or bare for quoted, bare in found])

    def _line(self, row: Row) -> bytes:
        if row == ("",):
            return b'""\n'  # an empty line would be no row
        is_plain = _PLAIN_CELL.fullmatch
        cells = [cell if not cell or is_plain(cell) else self._escaped(cell) for cell in row]
        return (self._separator.join(cells) + "\n").encode()

    def _escaped(self, cell: str) -> str:
        if self._protected:
            cell = protect(cell)
        return quote(cell, self._separator)


class JsonLines:
    """An object about the file, one for each row, and the end marker."""

    def __init__(self, layout: Layout, write_bytes: Callable[[bytes], object]) -> None:
        self._write_bytes = write_bytes
        self._layout = layout
        # All other cells are JSON already: by the database, or by People.
        self._encoders = [
            encode_basestring if not COLUMNS[key].personal and kind_of(key) is Kind.TEXT else str
            for key in layout.columns
        ]
        self._form = "{" + ",".join(f'"{key}":%s' for key in layout.columns) + "}\n"

    def begin(self) -> None:
        """Write the part before the rows."""
        layout = self._layout
        head = {"export": "submissions", "columns": layout.columns, "time_zone": layout.time_zone}
        self._write_bytes((json.dumps(head, separators=(",", ":")) + "\n").encode())

    def rows(self, rows: Sequence[Row]) -> None:
        """Write these rows."""
        encoders, form = self._encoders, self._form
        lines = [
            form % tuple([encode(cell) for encode, cell in zip(encoders, row, strict=True)]) for row in rows
        ]
        self._write_bytes("".join(lines).encode())

    def end(self, rows: int, unreadable: int) -> None:
        """Write the end marker."""
        self._write_bytes(end_marker(rows=rows, unreadable=unreadable).encode())
