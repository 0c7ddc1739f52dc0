"""Excel files (ECMA-376, part 1): sheets of text cells, written row by row.

Every cell is an inline string: none is ever a formula, and no number or reference loses digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from apps.core.export.zip_stream import LARGEST, ZipStream
from apps.history.writing.layout import Layout
from apps.history.writing.rows import Row

MAX_ROWS: Final = 1_048_575
"""Rows in a sheet below the header. Excel's limit is 1,048,576 with the header."""
LONGEST_CELL: Final = 32_767
"""Excel's limit of a cell, in UTF-16 code units."""

_FULL: Final = LARGEST - 2**28  # bytes after which a new sheet begins: one more chunk of rows fits
_NEEDS_MARKUP: Final = bytes(range(32)) + b"<>&"
_CELL_END: Final = "\x1f"  # between joined cells while they are checked together

# Characters that XML 1.0 excludes, and the carriage return, which would be read back as a line feed.
_NOT_IN_XML: Final = "[\x00-\x08\x0b-\x1f\ufffe\uffff]"
_NEEDS_CODE: Final = re.compile(_NOT_IN_XML)
# Text that Excel would read as such a code, also if its last underscore begins the next code.
_LOOKS_LIKE_CODE: Final = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}(?:_|{_NOT_IN_XML}))")

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORMATS: Final = "http://schemas.openxmlformats.org"
_PACKAGE: Final = f"{_FORMATS}/package/2006"
_DOCUMENT: Final = f"{_FORMATS}/officeDocument/2006/relationships"
_MAIN: Final = f"{_FORMATS}/spreadsheetml/2006/main"
_CONTENT: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"

# Every XML file without an override is a sheet, as their number is not known at the beginning.
_CONTENT_TYPES: Final = f"""{_XML}<Types xmlns="{_PACKAGE}/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="{_CONTENT}.worksheet+xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_CONTENT}.styles+xml"/>\
</Types>"""

_ROOT: Final = f"""{_XML}<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/>\
</Relationships>"""

# Style 1 is text (format 49 is "@"), style 2 bold text.
_STYLES: Final = f"""{_XML}<styleSheet xmlns="{_MAIN}">\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>\
<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


class Workbook:
    """A workbook of one sheet, or of several if the rows do not fit into one."""

    def __init__(self, layout: Layout, write_bytes: Callable[[bytes], object]) -> None:
        self._zip = ZipStream(write_bytes)
        self._keys = layout.columns
        self._prefixes = [f'<c r="{_letters(number)}' for number in range(len(layout.columns))]
        self._sheets = 0
        self._line = 0

    def begin(self) -> None:
        """Write the part before the rows."""
        self._zip.add("[Content_Types].xml", _CONTENT_TYPES.encode())
        self._zip.add("_rels/.rels", _ROOT.encode())
        self._zip.add("xl/styles.xml", _STYLES.encode())
        self._begin_sheet()

    def rows(self, rows: Sequence[Row]) -> None:
        """Write these rows."""
        room = MAX_ROWS + 1 - self._line
        if not room or self._zip.size > _FULL:
            self._end_sheet()
            self._begin_sheet()
            room = MAX_ROWS
        self._zip.write("".join(map(self._row, self._marked_up(rows[:room]))).encode())
        if len(rows) > room:
            self.rows(rows[room:])

    def end(self, rows: int, unreadable: int) -> None:
        """Write the parts that complete the workbook."""
        self._end_sheet()
        numbers, kind = range(1, self._sheets + 1), f"{_DOCUMENT}/worksheet"
        sheets = "".join(
            f'<sheet name="Submissions{"" if number == 1 else f" {number}"}" sheetId="{number}"'
            f' r:id="rId{number}"/>'
            for number in numbers
        )
        parts = "".join(
            f'<Relationship Id="rId{number}" Type="{kind}" Target="worksheets/sheet{number}.xml"/>'
            for number in numbers
        )
        styles = f'<Relationship Id="rId{self._sheets + 1}" Type="{_DOCUMENT}/styles" Target="styles.xml"/>'
        self._zip.add(
            "xl/workbook.xml",
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{sheets}</sheets>'
            "</workbook>".encode(),
        )
        self._zip.add(
            "xl/_rels/workbook.xml.rels",
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{parts}{styles}</Relationships>'.encode(),
        )
        self._zip.close()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._zip.begin(f"xl/worksheets/sheet{self._sheets}.xml")
        last = len(self._keys)
        heads = "".join(
            f'{prefix}1" s="2" t="inlineStr"><is><t>{key}</t></is></c>'
            for prefix, key in zip(self._prefixes, self._keys, strict=True)
        )
        self._zip.write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            "</sheetView></sheetViews>"
            f'<cols><col min="1" max="{last}" width="20" style="1" customWidth="1"/></cols>'
            f'<sheetData><row r="1">{heads}</row>'.encode()
        )
        self._line = 1

    def _end_sheet(self) -> None:
        # Numbers are stored as texts intentionally: turn off Excel's warning in each cell.
        all_cells = f"A1:{_letters(len(self._keys) - 1)}{MAX_ROWS + 1}"
        self._zip.write(
            f'</sheetData><ignoredErrors><ignoredError sqref="{all_cells}" numberStoredAsText="1"/>'
            "</ignoredErrors></worksheet>".encode()
        )
        self._zip.end()

    def _row(self, cells: Row) -> str:
        self._line += 1
        line = str(self._line)
        middle = f'{line}" s="1" t="inlineStr"><is>'
        filled = [
            f"{prefix}{middle}{cell}</is></c>"
            for prefix, cell in zip(self._prefixes, cells, strict=True)
            if cell
        ]
        return f'<row r="{line}">{"".join(filled)}</row>'

    def _marked_up(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows with each text as XML. Empty cells stay empty.

        The rows are checked together, as few texts need escaping.
        """
        lines = [*map(_CELL_END.join, rows)]
        together = _CELL_END.join(lines)
        plain = together.encode()
        between = len(rows) * len(self._keys) - 1
        needs_escaping = (
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
        markup = text_markup if needs_escaping else _plain_markup
        return [tuple([markup(cell) if cell else "" for cell in row]) for row in rows]


def text_markup(text: str) -> str:
    """The text as the element ``t`` of an inline string (ECMA-376 part 1, 18.4.12 and 22.9.2.19).

    A text above :data:`LONGEST_CELL` is replaced by a note with its length, never cut.
    """
    length = len(text.encode("utf-16-le")) // 2 if len(text) * 2 > LONGEST_CELL else 0
    if length > LONGEST_CELL:
        return f"<t>{too_long(length)}</t>"
    encoded = _NEEDS_CODE.sub(lambda found: f"_x{ord(found[0]):04X}_", _LOOKS_LIKE_CODE.sub("_x005F_", text))
    space = ' xml:space="preserve"' if encoded != encoded.strip() else ""
    return f"<t{space}>{escape(encoded)}</t>"


def too_long(length: int) -> str:
    """The note in place of a text that exceeds :data:`LONGEST_CELL`. ``length``: its UTF-16 code units."""
    return f"({length} characters, more than Excel holds in a cell: see the CSV file)"


def _plain_markup(text: str) -> str:
    return f"<t>{text}</t>"


def _letters(number: int) -> str:
    """The letters of a column: A for 0, AA for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
