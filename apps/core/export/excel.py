"""Excel files (ECMA-376, part 1): cells, styles and the parts of the package, whatever the sheets contain.

Texts are inline strings: none is ever a formula, and none loses a character.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from apps.core.export.zip_stream import ZipStream

LONGEST_CELL: Final = 32_767
"""Excel's limit of a cell, in UTF-16 code units."""
DAY_0: Final = dt.date(1899, 12, 30)
"""The day from which days are counted, from :data:`FIRST_DAY` on."""
FIRST_DAY: Final = dt.date(1900, 3, 1)
"""The first day that all spreadsheets count alike: Excel has a 29 February 1900 (18.17.4)."""

# Characters that XML 1.0 excludes, and the carriage return, which would be read back as a line feed.
_NOT_IN_XML: Final = "[\x00-\x08\x0b-\x1f\ufffe\uffff]"
_NEEDS_CODE: Final = re.compile(_NOT_IN_XML)
# Text that Excel would read as such a code, also if its last underscore begins the next code.
_LOOKS_LIKE_CODE: Final = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}(?:_|{_NOT_IN_XML}))")

_FORMATS: Final = "http://schemas.openxmlformats.org"
_PACKAGE: Final = f"{_FORMATS}/package/2006"
_DOCUMENT: Final = f"{_FORMATS}/officeDocument/2006/relationships"
_CONTENT: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
MAIN: Final = f"{_FORMATS}/spreadsheetml/2006/main"
XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

# Every XML file without an override is a sheet, as their number is not known at the beginning.
_CONTENT_TYPES: Final = f"""{XML}<Types xmlns="{_PACKAGE}/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="{_CONTENT}.worksheet+xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_CONTENT}.styles+xml"/>\
</Types>"""
_ROOT: Final = f"""{XML}<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/>\
</Relationships>"""

SHEET_END: Final = "</sheetData></worksheet>"
"""The XML of a sheet after its last row."""


class Style(IntEnum):
    """The style of a cell, as its index in ``cellXfs`` below. Without one, a time is shown as a number."""

    TEXT = 1
    HEADING = 2
    MOMENT = 3
    DATE = 4
    NUMBER = 5
    COUNT = 6  # with separators of thousands
    SHARE = 7  # from 0 to 1, as a percentage
    SECONDS = 8  # with two decimals


_XF: Final = '<xf numFmtId="{}" fontId="{}" fillId="0" borderId="0" xfId="0"{}/>'
_NUMBERED: Final = ' applyNumberFormat="1"'
# Formats 49 "@", 1 "0", 3 "#,##0", 10 "0.00%" and 2 "0.00" are Excel's own; 164 and 165 are defined below.
_STYLE_FORMATS: Final = {
    Style.TEXT: 49, Style.HEADING: 49, Style.MOMENT: 164, Style.DATE: 165, Style.NUMBER: 1, Style.COUNT: 3,
    Style.SHARE: 10, Style.SECONDS: 2,
}  # fmt: skip
_XFS: Final = "".join(
    _XF.format(_STYLE_FORMATS[style], 1, f'{_NUMBERED} applyFont="1"')
    if style is Style.HEADING
    else _XF.format(_STYLE_FORMATS[style], 0, _NUMBERED)
    for style in Style
)
_STYLE_SHEET: Final = f"""{XML}<styleSheet xmlns="{MAIN}">\
<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>\
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/></numFmts>\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="{len(Style) + 1}">{_XF.format(0, 0, "")}{_XFS}</cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


class Sheet(NamedTuple):
    """A sheet of a finished package."""

    name: str  # at most 31 characters (Excel's limit)
    file: str  # in xl/worksheets
    filtered: str = ""  # the range of its filter, such as $A$1:$B$9


def text_cell(cell_ref: str, text: str, style: Style = Style.TEXT) -> str:
    """A cell with this text. ``cell_ref``: such as ``A1``."""
    return f'<c r="{cell_ref}" s="{style}" t="inlineStr"><is>{text_markup(text)}</is></c>'


def number_cell(cell_ref: str, number: float, style: Style = Style.NUMBER) -> str:
    """A cell with this number. ``cell_ref``: such as ``A1``."""
    return f'<c r="{cell_ref}" s="{style}"><v>{number!r}</v></c>'


def day_cell(cell_ref: str, day: dt.date) -> str:
    """A cell with this day; as a text if programs would read another day. ``cell_ref``: such as ``A1``."""
    number = day_number(day)
    return text_cell(cell_ref, f"{day}") if number is None else number_cell(cell_ref, number, Style.DATE)


def day_number(day: dt.date) -> int | None:
    """The day as spreadsheets count it. None before :data:`FIRST_DAY`, where they differ."""
    return (day - DAY_0).days if day >= FIRST_DAY else None


def text_markup(text: str) -> str:
    """The text as the element ``t`` of an inline string (18.4.12 and 22.9.2.19).

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


def begin_package(archive: ZipStream) -> None:
    """Write the parts before the sheets."""
    archive.add("[Content_Types].xml", _CONTENT_TYPES.encode())
    archive.add("_rels/.rels", _ROOT.encode())
    archive.add("xl/styles.xml", _STYLE_SHEET.encode())


def sheet_head(
    headings: Iterable[str], columns: Iterable[tuple[int, Style]], *, is_first: bool, row: int | None = 1
) -> str:
    """The XML of a sheet as far as the row that has the headings and stays in sight.

    ``columns``: the width in characters and the style of each. ``is_first``: whether the file opens with it.
    ``row``: the number of the row of headings; None for a sheet without.
    """
    cols = "".join(
        f'<col min="{at}" max="{at}" width="{width}" style="{style}" customWidth="1"/>'
        for at, (width, style) in enumerate(columns, 1)
    )
    pane = top = ""
    if row is not None:
        cells = (
            text_cell(f"{letters(at)}{row}", heading, Style.HEADING) for at, heading in enumerate(headings)
        )
        pane = f'<pane ySplit="{row}" topLeftCell="A{row + 1}" activePane="bottomLeft" state="frozen"/>'
        top = sheet_row(row, cells)
    selected = ' tabSelected="1"' if is_first else ""
    return (
        f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView{selected} workbookViewId="0">{pane}'
        f"</sheetView></sheetViews><cols>{cols}</cols><sheetData>{top}"
    )


def sheet_row(number: int, cells: Iterable[str]) -> str:
    """The XML of a row, from that of its cells that are not empty."""
    return f'<row r="{number}">{"".join(cells)}</row>'


def end_package(archive: ZipStream, sheets: Sequence[Sheet]) -> None:
    """Write the parts that name the sheets, in this order, and close the archive."""
    named = "".join(
        f'<sheet name={quoteattr(sheet.name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, sheet in enumerate(sheets, 1)
    )
    filters = "".join(
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{number}" hidden="1">'
        f"'{_in_formula(sheet.name)}'!{sheet.filtered}</definedName>"
        for number, sheet in enumerate(sheets)
        if sheet.filtered
    )
    names = f"<definedNames>{filters}</definedNames>" if filters else ""
    archive.add(
        "xl/workbook.xml",
        f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{named}</sheets>{names}'
        "</workbook>".encode(),
    )
    parts = "".join(
        f'<Relationship Id="rId{number}" Type="{_DOCUMENT}/worksheet" Target="worksheets/{sheet.file}"/>'
        for number, sheet in enumerate(sheets, 1)
    )
    styles = f'<Relationship Id="rId{len(sheets) + 1}" Type="{_DOCUMENT}/styles" Target="styles.xml"/>'
    archive.add(
        "xl/_rels/workbook.xml.rels",
        f'{XML}<Relationships xmlns="{_PACKAGE}/relationships">{parts}{styles}</Relationships>'.encode(),
    )
    archive.close()


def _in_formula(name: str) -> str:
    """The name of a sheet between apostrophes in a formula."""
    return escape(name.replace("'", "''"))
