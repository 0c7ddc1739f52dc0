"""The cells of an Excel file as XML (ECMA-376, part 1): texts, numbers and dates, never a formula."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

from apps.history.writing.cells import Kind

LONGEST_CELL: Final = 32_767
"""Excel's limit of a cell, in UTF-16 code units."""

# Characters that XML 1.0 excludes, and the carriage return, which would be read back as a line feed.
_NOT_IN_XML: Final = "[\x00-\x08\x0b-\x1f\ufffe\uffff]"
_NEEDS_CODE: Final = re.compile(_NOT_IN_XML)
# Text that Excel would read as such a code, also if its last underscore begins the next code.
_LOOKS_LIKE_CODE: Final = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}(?:_|{_NOT_IN_XML}))")

XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

TEXTS: Final = (Kind.TEXT, Kind.UUID, Kind.FLAG)
"""The kinds whose cells are texts. Cells of all others are numbers, except those after ``AS_TEXT``.

A cell of type boolean is not used: LibreOffice reads it as the formula ``=TRUE()``.
"""

HEADING: Final = 2  # the style of a heading; the others are those of kinds
# Indices of cellXfs below. Without a style, a time would be shown as a number of days.
STYLES: Final = {
    Kind.TEXT: 1, Kind.UUID: 1, Kind.MOMENT: 3, Kind.DATE: 4, Kind.NUMBER: 5, Kind.FLAG: 1
}  # fmt: skip
WIDTHS: Final = {
    Kind.TEXT: 20, Kind.UUID: 38, Kind.MOMENT: 20, Kind.DATE: 12, Kind.NUMBER: 12, Kind.FLAG: 12
}  # fmt: skip
_XF: Final = '<xf numFmtId="{}" fontId="{}" fillId="0" borderId="0" xfId="0"{}/>'
_NUMBERED: Final = ' applyNumberFormat="1"'
# Formats 1 and 49 are "0" and "@", defined by Excel.
STYLE_SHEET: Final = f"""{XML}<styleSheet xmlns="{MAIN}">\
<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>\
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/></numFmts>\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="6">{_XF.format(0, 0, "")}{_XF.format(49, 0, _NUMBERED)}\
{_XF.format(49, 1, _NUMBERED + ' applyFont="1"')}{_XF.format(164, 0, _NUMBERED)}\
{_XF.format(165, 0, _NUMBERED)}{_XF.format(1, 0, _NUMBERED)}</cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


def around(kind: Kind) -> tuple[str, str]:
    """The XML between the row's number and the content of a cell of this kind, and the XML after it."""
    if kind in TEXTS:
        return f'" s="{STYLES[kind]}" t="inlineStr"><is><t>', "</t></is></c>"
    return f'" s="{STYLES[kind]}"><v>', "</v></c>"


def text_cell(place: str, text: str, style: int = STYLES[Kind.TEXT]) -> str:
    """The cell at a place such as ``A1`` with this text."""
    return f'<c r="{place}" s="{style}" t="inlineStr"><is>{text_markup(text)}</is></c>'


def number_cell(place: str, number: int) -> str:
    """The cell at a place such as ``A1`` with this number."""
    before, after = around(Kind.NUMBER)
    return f'<c r="{place}{before}{number}{after}'


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


def letters(number: int) -> str:
    """The letters of a column: A for 0, AA for 26."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
