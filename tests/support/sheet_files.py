"""Spreadsheet files in the shapes of the programs that write them, also broken ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import openpyxl

from apps.batches.cells import DateText, cells_from_json
from apps.batches.reading.child import answer
from apps.batches.reading.limits import Limits
from apps.batches.reading.table import FindingCode, NotReadable, TableFault

LIMITS = Limits(rows=500, characters=8_000_000)

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="{main}"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument'
    '.spreadsheetml.sharedStrings+xml"/></Types>'
)
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
MACRO_TYPE = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
BINARY_TYPE = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_ODF_NAMES = " ".join(
    f'xmlns:{name}="{_ODF}{name}:1.0"' for name in ("office", "table", "text", "style", "drawing")
)


def workbook(fill: Callable[[Any, Any], None]) -> bytes:
    """The Excel file that openpyxl writes after ``fill(book, sheet)``."""
    book = openpyxl.Workbook()
    fill(book, book.active)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def workbook_of(rows: Iterable[Iterable[Any]]) -> bytes:
    """An Excel file with these values in its sheet."""

    def fill(_book: Any, sheet: Any) -> None:
        for row in rows:
            sheet.append(list(row))

    return workbook(fill)


def packed(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file with these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    """The members of a zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def excel_members(
    sheet: str, shared: str = "", main: str = SHEET_TYPE, head: str = ""
) -> dict[str, str | bytes]:
    """The members of an Excel file with this inside of its ``worksheet``, and of its ``sst``."""
    return {
        "[Content_Types].xml": _TYPES.format(main=main),
        "_rels/.rels": _RELS.format(
            f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="Tabelle1" sheetId="1" r:id="rId1"/></sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _RELS.format(
            f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        ),
        "xl/sharedStrings.xml": f'{head}<sst xmlns="{_MAIN}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{_MAIN}">{sheet}</worksheet>',
    }


def excel_file(sheet: str, shared: str = "", main: str = SHEET_TYPE, head: str = "") -> bytes:
    """The Excel file of :func:`excel_members`."""
    return packed(excel_members(sheet, shared, main, head))


def text_cell(place: str, text: str) -> str:
    """A cell with this text, which is XML."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def open_document_members(tables: str, styles: str = "") -> dict[str, str | bytes]:
    """The members of an OpenDocument file with these tables and automatic styles."""
    calc = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    return {
        "mimetype": ODS_TYPE,
        "content.xml": (
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_ODF_NAMES} {calc}>'
            f"<office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>"
        ),
        "META-INF/manifest.xml": "<manifest/>",
    }


def open_document(tables: str, styles: str = "") -> bytes:
    """The OpenDocument file of :func:`open_document_members`."""
    return packed(open_document_members(tables, styles))


def open_document_of(rows: Iterable[Iterable[str]]) -> bytes:
    """An OpenDocument file with these cells, which are XML inside of ``text:p``."""
    lines = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
            for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    return open_document(f'<table:table table:name="Sheet1">{lines}</table:table>')


def cells_of(content: bytes, limits: Limits = LIMITS) -> dict[int, tuple[str, ...]]:
    """The cells of a spreadsheet by row number, read in this process. Raises ``NotReadable``."""
    return {number: cells_from_json(cells) for number, cells in _answer(content, limits)["rows"]}


def dates_of(content: bytes, limits: Limits = LIMITS) -> dict[int, list[int]]:
    """The columns of the cells that are dates or times, from 0, by the numbers of their rows."""
    found = {
        number: [at for at, cell in enumerate(cells) if isinstance(cell, DateText)]
        for number, cells in cells_of(content, limits).items()
    }
    return {number: columns for number, columns in found.items() if columns}


def findings_of(content: bytes, limits: Limits = LIMITS) -> dict[FindingCode, int]:
    """The findings of a spreadsheet with their counts, read in this process. Raises ``NotReadable``."""
    return {FindingCode(code): count for code, count, _detail in _answer(content, limits)["findings"]}


def _answer(content: bytes, limits: Limits) -> dict[str, Any]:
    found = answer(content, limits)
    if "fault" in found:
        raise NotReadable(TableFault(found["fault"]), found["count"])
    return found
