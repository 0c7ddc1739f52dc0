"""Excel files of an export: sheets of typed cells and an About sheet, written row by row.

No reference, phone number or other text loses a digit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from apps.core.export.excel import (
    LONGEST_CELL,
    Sheet,
    begin_package,
    end_package,
    letters,
    sheet_head,
    text_cell,
)
from apps.core.export.zip_stream import LARGEST, ZipStream
from apps.history.writing import about
from apps.history.writing.cells import AS_TEXT, kind_of
from apps.history.writing.layout import Layout
from apps.history.writing.markup import STYLES, TEXTS, WIDTHS, around
from apps.history.writing.rows import Row

MAX_ROWS: Final = 1_048_575
"""Rows in a sheet below the header. Excel's limit is 1,048,576 with the header."""

_FULL: Final = LARGEST - 2**28  # bytes after which a new sheet begins: one more chunk of rows fits
_NEEDS_MARKUP: Final = bytes(range(32)) + b"<>&"
_CELL_END: Final = "\x1f"  # between joined cells while they are checked together


class Workbook:
    """A workbook with the rows in one sheet, or in several if they do not fit, and the About sheet last."""

    def __init__(self, layout: Layout, write_bytes: Callable[[bytes], object]) -> None:
        self._zip = ZipStream(write_bytes)
        self._layout = layout
        self._kinds = [kind_of(key) for key in layout.columns]
        # The XML before the row's number, between it and the content, and after the content.
        self._letters = [letters(number) for number in range(len(layout.columns))]
        self._around = [
            (f'<c r="{letter}', *around(kind))
            for letter, kind in zip(self._letters, self._kinds, strict=True)
        ]
        self._last = self._letters[-1]
        self._filtered: list[str] = []  # the range of each sheet's filter
        self._digest = hashlib.sha256()
        self._line = 0

    def begin(self) -> None:
        """Write the part before the rows."""
        begin_package(self._zip)
        self._begin_sheet()

    def rows(self, rows: Sequence[Row]) -> None:
        """Write these rows."""
        room = MAX_ROWS + 1 - self._line
        if not room or self._zip.size > _FULL:
            self._end_sheet()
            self._begin_sheet()
            room = MAX_ROWS
        fitting = rows[:room]
        are_plain = self._is_plain(fitting)
        self._write(
            "".join(
                [
                    self._plain_row(row) if are_plain or self._is_plain([row]) else self._row(row)
                    for row in fitting
                ]
            )
        )
        if len(rows) > room:
            self.rows(rows[room:])

    def end(self, rows: int, unreadable: int) -> None:
        """Write the About sheet and the parts that complete the workbook."""
        self._end_sheet()
        sha256 = self._digest.hexdigest()
        # Not named as the sheets with rows, whose names the command to verify them matches.
        sheet = about.about_sheet(self._layout, rows=rows, unreadable=unreadable, sha256=sha256)
        self._zip.add("xl/worksheets/about.xml", sheet)
        names = ("Submissions", *(f"Submissions {number}" for number in range(2, len(self._filtered) + 1)))
        sheets = [
            Sheet(name, f"sheet{number}.xml", cell_range)
            for number, (name, cell_range) in enumerate(zip(names, self._filtered, strict=True), 1)
        ]
        end_package(self._zip, [*sheets, Sheet(about.NAME, "about.xml")])

    def _write(self, xml: str) -> None:
        data = xml.encode()
        self._digest.update(data)
        self._zip.write(data)

    def _begin_sheet(self) -> None:
        number = len(self._filtered) + 1
        self._zip.begin(f"xl/worksheets/sheet{number}.xml")
        columns = ((WIDTHS[kind], STYLES[kind]) for kind in self._kinds)
        self._write(sheet_head(self._layout.headings, columns, is_first=number == 1))
        self._line = 1

    def _end_sheet(self) -> None:
        self._filtered.append(f"$A$1:${self._last}${self._line}")
        # Numbers are stored as texts intentionally: turn off Excel's warning in each cell.
        all_cells = f"A1:{self._last}{MAX_ROWS + 1}"
        self._write(
            f'</sheetData><autoFilter ref="A1:{self._last}{self._line}"/>'
            f'<ignoredErrors><ignoredError sqref="{all_cells}" numberStoredAsText="1"/>'
            "</ignoredErrors></worksheet>"
        )
        self._zip.end()

    def _plain_row(self, cells: Row) -> str:
        """The row as XML, if no cell needs escaping. Empty cells are left out."""
        self._line += 1
        line = str(self._line)
        filled = [
            f"{start}{line}{before}{cell}{after}"
            for (start, before, after), cell in zip(self._around, cells, strict=True)
            if cell
        ]
        return f'<row r="{line}">{"".join(filled)}</row>'

    def _row(self, cells: Row) -> str:
        """The row as XML, whatever its cells are."""
        self._line += 1
        filled = []
        for letter, kind, cell in zip(self._letters, self._kinds, cells, strict=True):
            cell_ref = f"{letter}{self._line}"
            if kind in TEXTS:
                filled.append(text_cell(cell_ref, cell) if cell else "")
            elif cell.startswith(AS_TEXT):
                filled.append(text_cell(cell_ref, cell.removeprefix(AS_TEXT)))
            elif cell:
                before, after = around(kind)
                filled.append(f'<c r="{cell_ref}{before}{cell}{after}')
        return f'<row r="{self._line}">{"".join(filled)}</row>'

    def _is_plain(self, rows: Sequence[Row]) -> bool:
        """Whether no cell needs escaping or is too long; False if in doubt.

        The rows are checked together, as few texts need escaping.
        """
        lines = [*map(_CELL_END.join, rows)]
        together = _CELL_END.join(lines)
        plain = together.encode()
        between = len(rows) * len(self._kinds) - 1
        return not (
            len(plain) - len(plain.translate(None, _NEEDS_MARKUP)) != between
            or together.count(_CELL_END) != between
            or b"_x" in plain
            or b"\xef\xbf" in plain  # U+FFFE and U+FFFF are among these
            or b"\x1f " in plain
            or b" \x1f" in plain
            or plain[:1] == b" "
            or plain[-1:] == b" "
            or len(max(lines, key=len)) * 2 > LONGEST_CELL
        )
