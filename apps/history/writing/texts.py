"""CSV and JSON Lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from json.encoder import encode_basestring
from typing import Final

import orjson

from apps.core.export.csv_cells import BYTE_ORDER_MARK, GUARD, PARTED_BY, needs_guard, protect, quote
from apps.core.export.formats import Format
from apps.core.export.json_lines import end_marker
from apps.history.columns import COLUMNS
from apps.history.writing.cells import Kind, kind_of
from apps.history.writing.layout import Layout
from apps.history.writing.rows import Row, Rows, with_personal

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
        # The kind of each byte; where two apply, the later one counts:
        # ? may begin a formula
        # a begins none
        # ; ends a cell in a program that uses another separator
        # ! is a quote, a CR or a tab: rows with one are written cell by cell
        # | ends a cell or a line of this file
        kinds = bytearray(b"?" * 256)
        for kind, bytes_of_kind in (
            (b"a", _LETTERS),
            (b";", PARTED_BY.encode()),
            (b"!", b'"\r\t'),
            (b"|", self._separator.encode() + b"\n"),
        ):
            for byte in bytes_of_kind:
                kinds[byte] = kind[0]
        self._kinds = bytes(kinds)
        separator = self._separator
        self._from_json = bytes.maketrans(b",", separator.encode())
        # One cell of a line that PostgreSQL has made, quoted or bare, with the separator after it.
        self._cell = re.compile(f'(?:"([^"]*(?:""[^"]*)*)"|([^{separator}"\n]*))[{separator}\n]')

    def begin(self) -> None:
        """Write the part before the rows."""
        mark = BYTE_ORDER_MARK if self._layout.byte_order_mark else ""
        self._write_bytes(f"{mark}{self._separator.join(self._layout.headings)}\n".encode())

    def rows(self, rows: Rows) -> None:
        """Write these rows. Most of them need no quotes and are written together."""
        lines = self._guarded_lines(self._joined(rows), len(rows))
        self._write_bytes(b"".join(map(self._line, rows)) if lines is None else lines)

    def lines(self, lines: Sequence[bytes]) -> None:
        """Write lines as PostgreSQL makes them (COPY), quotes included, and insert the guards.

        Inserting the guards by SQL would take seven times as long as making the lines.
        """
        together = b"".join(lines)
        if self._protected:
            guarded = self._guarded_lines(together, len(lines))
            if guarded is None:
                guarded = b"".join(
                    [self._guarded_lines(line, 1) or self._line(self._read(line)) for line in lines]
                )
            together = guarded
        self._write_bytes(together)

    def arrays(self, arrays: Sequence[str], personal: Rows) -> None:
        """Write rows whose cells without personal data are a JSON array of texts each.

        ``personal``: the other cells of each row; empty if the layout has none. Most arrays become lines
        without being read (decision 255).
        """
        lines = self._unquoted(arrays)
        if lines is not None and personal:
            lines = self._appended(lines, personal)
        written = None if lines is None else self._guarded_lines(lines + b"\n", len(arrays))
        if written is None:
            self.rows(with_personal([tuple(orjson.loads(array)) for array in arrays], personal))
        else:
            self._write_bytes(written)

    def quoted(self, cells: Sequence[str]) -> bytes:
        """These cells as COPY writes them: with quotes where needed, and without guards."""
        separator = self._separator
        line = separator.join(cells)
        if line.count(separator) >= len(cells) or '"' in line or "\n" in line or "\r" in line:
            line = separator.join([quote(cell, separator) for cell in cells])
        return line.encode()

    def end(self, rows: int, unreadable: int) -> None:
        """Write nothing: a spreadsheet would read an end marker as a row."""

    def _joined(self, rows: Iterable[Row]) -> bytes:
        return ("\n".join(map(self._separator.join, rows)) + "\n").encode()

    def _unquoted(self, arrays: Sequence[str]) -> bytes | None:
        """The arrays as lines, without their quotes. None if a text has an escape, or if one is missing.

        A comma within a text becomes a separator too many, as in a line of cells.
        """
        inside = "\n".join([array[1:-1] for array in arrays]).encode()
        lines = inside.translate(self._from_json, b'"')
        texts, quotes = len(self._layout.plain) * len(arrays), len(inside) - len(lines)
        return None if b"\\" in inside or quotes != 2 * texts else lines

    def _appended(self, lines: bytes, personal: Rows) -> bytes:
        """The lines, each followed by its personal cells. Adds neither quotes nor guards."""
        separator = self._separator
        ends = [separator.join(cells).encode() for cells in personal]
        pairs = zip(lines.split(b"\n"), ends, strict=True)
        return b"\n".join([b"%b%b%b" % (line, separator.encode(), end) for line, end in pairs])

    def _guarded_lines(self, lines: bytes, count: int) -> bytes | None:
        """These lines with their guards. None if a cell may need quotes or has them, or for a single column.

        It does not look at each cell: decision 247 has the measurements.
        """
        kinds = lines.translate(self._kinds)
        columns = len(self._layout.columns)
        if columns == 1 or kinds.count(b"|") != count * columns or b"!" in kinds:
            return None
        return self._with_guards(lines, kinds) if self._protected else lines

    def _with_guards(self, lines: bytes, kinds: bytes) -> bytes:
        """The lines with a guard before each part of a cell that needs one."""
        # Moved by one byte: a part begins where the pair is found.
        before = b"|" + kinds.replace(b";", b"|")
        pieces, written = [], 0
        begin = before.find(b"|?")
        while begin >= 0:
            end = before.find(b"|", begin + 1)
            if needs_guard(lines[begin : end - 1].decode()):
                pieces.append(lines[written:begin])
                written = begin
            begin = before.find(b"|?", end)
        return GUARD.encode().join([*pieces, lines[written:]])

    def _read(self, line: bytes) -> Row:
        """The cells of a line that PostgreSQL has made. It quotes a cell as a whole or not at all."""
        found = self._cell.findall(line.decode())
        return tuple([quoted.replace('""', '"') or bare for quoted, bare in found])

    def _line(self, row: Row) -> bytes:
        if row == ("",):
            return b'""\n'  # an empty line would be no row
        line = self._guarded_lines(self._joined([row]), 1)
        return (self._separator.join(map(self._escaped, row)) + "\n").encode() if line is None else line

    def _escaped(self, cell: str) -> str:
        """The cell with the quotes and guards that it needs."""
        if not cell or _PLAIN_CELL.fullmatch(cell):
            return cell
        return quote(protect(cell) if self._protected else cell, self._separator)


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

    def rows(self, rows: Rows) -> None:
        """Write these rows."""
        encoders, form = self._encoders, self._form
        lines = [
            form % tuple([encode(cell) for encode, cell in zip(encoders, row, strict=True)]) for row in rows
        ]
        self._write_bytes("".join(lines).encode())

    def end(self, rows: int, unreadable: int) -> None:
        """Write the end marker."""
        self._write_bytes(end_marker(rows=rows, unreadable=unreadable).encode())
