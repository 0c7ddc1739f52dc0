"""The tables as an Excel file (ECMA-376, part 1): a sheet for each, with numbers, days and shares as such."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from apps.core.export.zip_stream import ZipStream
from apps.history.presenters.figure_files.tables import Cell, Column, Table, Type

_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FIRST_DAY: Final = dt.date(1899, 12, 30)  # day 0, for days from 1 March 1900
_STYLES_BY_TYPE: Final = {Type.TEXT: 1, Type.COUNT: 2, Type.SHARE: 3, Type.SECONDS: 4, Type.DAY: 5}
_HEAD_STYLE: Final = 6
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORMATS: Final = "http://schemas.openxmlformats.org"
_PACKAGE: Final = f"{_FORMATS}/package/2006"
_DOCUMENT: Final = f"{_FORMATS}/officeDocument/2006/relationships"
_MAIN: Final = f"{_FORMATS}/spreadsheetml/2006/main"
_CONTENT: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_CONTENT_TYPES: Final = f"""{_XML}<Types xmlns="{_PACKAGE}/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="{_CONTENT}.worksheet+xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_CONTENT}.styles+xml"/>\
</Types>"""
_ROOT: Final = f"""{_XML}<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/>\
</Relationships>"""
# Formats 49 "@", 3 "#,##0", 10 "0.00%" and 2 "0.00" are Excel's own.
_STYLES: Final = f"""{_XML}<styleSheet xmlns="{_MAIN}">\
<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="7"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
{
    "".join(
        f'<xf numFmtId="{number}" fontId="{font}" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"'
        f' applyFont="1"/>'
        for number, font in ((49, 0), (3, 0), (10, 0), (2, 0), (164, 0), (49, 1))
    )
}</cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


def excel_file(tables: Sequence[Table]) -> bytes:
    """The workbook. Texts are inline strings, so none is a formula."""
    output = io.BytesIO()
    archive = ZipStream(output.write)
    archive.add("[Content_Types].xml", _CONTENT_TYPES.encode())
    archive.add("_rels/.rels", _ROOT.encode())
    archive.add("xl/styles.xml", _STYLES.encode())
    for number, table in enumerate(tables, start=1):
        archive.add(f"xl/worksheets/sheet{number}.xml", _sheet(table).encode())
    numbered = list(enumerate(tables, start=1))
    sheets = "".join(
        f'<sheet name={quoteattr(table.title)} sheetId="{number}" r:id="rId{number}"/>'
        for number, table in numbered
    )
    parts = "".join(
        f'<Relationship Id="rId{number}" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number, _table in numbered
    )
    styles = f'<Relationship Id="rId{len(tables) + 1}" Type="{_DOCUMENT}/styles" Target="styles.xml"/>'
    workbook = f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{sheets}</sheets></workbook>'
    archive.add("xl/workbook.xml", f"{_XML}{workbook}".encode())
    relations = f'<Relationships xmlns="{_PACKAGE}/relationships">{parts}{styles}</Relationships>'
    archive.add("xl/_rels/workbook.xml.rels", f"{_XML}{relations}".encode())
    archive.close()
    return output.getvalue()


def _sheet(table: Table) -> str:
    heads = "".join(_text_cell(column.label, _HEAD_STYLE) for column in table.columns)
    rows = "".join(f"<row>{''.join(map(_cell, table.columns, row))}</row>" for row in table.rows)
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols><col min="1" max="{len(table.columns)}" width="24" customWidth="1"/></cols>'
        f"<sheetData><row>{heads}</row>{rows}</sheetData></worksheet>"
    )


def _cell(column: Column, cell: Cell) -> str:
    style = _STYLES_BY_TYPE[column.type]
    if cell is None:
        return f'<c s="{style}"/>'
    if isinstance(cell, str):
        return _text_cell(cell, style)
    number = (cell - _FIRST_DAY).days if isinstance(cell, dt.date) else cell
    return f'<c s="{style}"><v>{number!r}</v></c>'


def _text_cell(text: str, style: int) -> str:
    markup = escape(_NOT_IN_XML.sub("", text))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{markup}</t></is></c>'
