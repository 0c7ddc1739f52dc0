"""Files that are no table, are broken, or are made to cost memory and time."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

from apps.batches.reading.table import TableFault
from tests.support.sheet_files import (
    BINARY_TYPE,
    excel_file,
    excel_members,
    open_document,
    open_document_members,
    open_document_of,
    packed,
    text_cell,
    workbook_of,
)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
_PEOPLE = [["Nachname", "Vorname"], ["Müller", "Jürgen"]]
_IDA = f'<sheetData><row r="1">{text_cell("A1", "Ida")}</row></sheetData>'
_ROWS = tuple(f'<row r="{row}">{text_cell(f"A{row}", f"Ida {row}")}</row>' for row in range(1, 5))
_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "'
    + "ha" * 500
    + '">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 50}">' for before, name in zip("abcd", "bcde", strict=True))
    + "]>"
)


def _ole(name: str) -> bytes:
    """A file in Microsoft's old container with a stream of this name."""
    return OLE + name.encode("utf-16-le") + bytes(512)


def _with_rows(*rows: str) -> bytes:
    return excel_file(f"<sheetData>{''.join(rows)}</sheetData>")


def _with_member(name: str, content: bytes) -> bytes:
    return packed({**excel_members(_IDA), name: content})


def _without(name: str) -> bytes:
    members = excel_members(_IDA)
    del members[name]
    return packed(members)


def _with_flag_of_encryption(content: bytes) -> bytes:
    """The zip file with the first bit of the flags set in the entry of its directory."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


def _twice_the_same_member() -> bytes:
    stream = io.BytesIO(excel_file(_IDA))
    with zipfile.ZipFile(stream, "a") as file:
        info = zipfile.ZipInfo("xl/worksheets/sheet2.xml")
        file.writestr(info, "<x/>")
    # Of the same length, so that the offsets stay.
    return stream.getvalue().replace(b"worksheets/sheet2.xml", b"worksheets/sheet1.xml")


def _with_false_checksum(content: bytes) -> bytes:
    at = content.rindex(b"PK\x01\x02") + 16
    return content[:at] + struct.pack("<I", 1) + content[at + 4 :]


_DAMAGED = TableFault.DAMAGED
_NO_TABLE = TableFault.NOT_A_TABLE

BROKEN: dict[str, tuple[Callable[[], bytes], TableFault]] = {
    "nothing": (lambda: b"", TableFault.EMPTY),
    "only blank lines": (lambda: b"\r\n;;\r\n", TableFault.EMPTY),
    "only a byte order mark": (lambda: b"\xef\xbb\xbf", TableFault.EMPTY),
    "only NUL": (lambda: bytes(4_000), TableFault.EMPTY),
    "workbook without cells": (lambda: workbook_of([]), TableFault.EMPTY),
    "OpenDocument without cells": (lambda: open_document_of([]), TableFault.EMPTY),
    "old Excel, named xlsx": (lambda: _ole("Workbook"), TableFault.OLD_EXCEL),
    "Excel 5": (lambda: _ole("Book"), TableFault.OLD_EXCEL),
    "Excel 4": (lambda: b"\x09\x04\x06\x00\x00\x00\x10\x00" + bytes(9), TableFault.OLD_EXCEL),
    "workbook with a password": (lambda: _ole("EncryptedPackage"), TableFault.HAS_PASSWORD),
    "zip with a password": (lambda: _with_flag_of_encryption(excel_file(_IDA)), TableFault.HAS_PASSWORD),
    "Word 97": (lambda: _ole("WordDocument"), _NO_TABLE),
    "page named xls": (lambda: b"<html><table><tr><td>Ida</td></tr></table></html>", TableFault.HTML),
    "page after a mark and a comment": (
        lambda: b"\xef\xbb\xbf \n<!-- x --><!DOCTYPE html><p>",
        TableFault.HTML,
    ),
    "page in UTF-16": (lambda: "<table><tr><td>Ida</table>".encode("utf-16"), TableFault.HTML),
    "page in one file": (lambda: b"MIME-Version: 1.0\r\nContent-Type: multipart/related", TableFault.HTML),
    "XML spreadsheet of 2003": (
        lambda: b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>',
        _NO_TABLE,
    ),
    "flat OpenDocument": (lambda: b"<?xml version='1.0'?><office:document/>", _NO_TABLE),
    "PDF": (lambda: b"%PDF-1.7\nx", _NO_TABLE),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), _NO_TABLE),
    "rich text": (lambda: b"{\\rtf1\\ansi Ida}", _NO_TABLE),
    "packed text": (lambda: b"\x1f\x8b\x08\x00" + bytes(20), _NO_TABLE),
    "contact": (lambda: b"BEGIN:VCARD\nFN:Ida\nEND:VCARD", _NO_TABLE),
    "symbolic link format": (lambda: b"ID;PWXL;N;E\r\nC;Y1;X1", _NO_TABLE),
    "program": (lambda: b"\x7fELF\x02\x01\x01\x00" + bytes(90), _NO_TABLE),
    "control characters": (lambda: b"Name;Note\nIda;\x07\x08\n", _NO_TABLE),
    "binary workbook": (lambda: packed(excel_members(_IDA, main=BINARY_TYPE)), _NO_TABLE),
    "text document": (
        lambda: packed({"[Content_Types].xml": "wordprocessingml.document.main+xml"}),
        _NO_TABLE,
    ),
    "OpenDocument text": (
        lambda: packed({**open_document_members(""), "mimetype": "application/vnd.oasis.opendocument.text"}),
        _NO_TABLE,
    ),
    "Numbers": (lambda: packed({"Index/Document.iwa": b"x"}), _NO_TABLE),
    "zip of files": (lambda: packed({"people.csv": "a;b"}), _NO_TABLE),
    "cut workbook": (lambda: workbook_of(_PEOPLE)[:-300], _DAMAGED),
    "start of a zip": (lambda: b"PK\x03\x04", _DAMAGED),
    "false checksum": (lambda: _with_false_checksum(workbook_of(_PEOPLE)), _DAMAGED),
    "one name twice": (_twice_the_same_member, _DAMAGED),
    "no workbook inside": (lambda: _without("xl/workbook.xml"), _DAMAGED),
    "no sheet inside": (lambda: _without("xl/worksheets/sheet1.xml"), _NO_TABLE),
    "no relations inside": (lambda: _without("xl/_rels/workbook.xml.rels"), _DAMAGED),
    "broken XML": (lambda: excel_file("<sheetData><row>"), _DAMAGED),
    "entity": (
        lambda: excel_file(
            f'<sheetData><row r="1">{text_cell("A1", "&e;")}</row></sheetData>',
            head='<!DOCTYPE x [<!ENTITY e "Ida">]>',
        ),
        _DAMAGED,
    ),
    "entity in OpenDocument": (
        lambda: packed(
            {
                **open_document_members(""),
                "content.xml": str(open_document_members("")["content.xml"]).replace(
                    "<office:document-content", '<!DOCTYPE x [<!ENTITY e "Ida">]><office:document-content', 1
                ),
            }
        ),
        _DAMAGED,
    ),
    "row that is no number": (lambda: excel_file('<sheetData><row r="x"/></sheetData>'), _DAMAGED),
    "rows out of order": (lambda: _with_rows(_ROWS[0], _ROWS[2], _ROWS[1], _ROWS[3]), _DAMAGED),
    "last row first": (lambda: _with_rows(_ROWS[3], *_ROWS[:3]), _DAMAGED),
    "row after a later blank one": (lambda: _with_rows(_ROWS[0], '<row r="9"/>', _ROWS[1]), _DAMAGED),
    "row twice": (lambda: _with_rows(*_ROWS[:2], _ROWS[1]), _DAMAGED),
    "cell twice": (lambda: _with_rows(_ROWS[0].replace("</c>", f"</c>{text_cell('A1', 'Ola')}")), _DAMAGED),
    "blank cell in the place of another": (
        lambda: _with_rows(_ROWS[0].replace("</c>", '</c><c r="A1"/>')),
        _DAMAGED,
    ),
    "row zero": (lambda: _with_rows(_ROWS[0].replace('r="1"', 'r="0"'), _ROWS[1]), _DAMAGED),
    "cell in no column": (
        lambda: excel_file(f'<sheetData><row r="1">{text_cell("AAAA1", "x")}</row></sheetData>'),
        _DAMAGED,
    ),
    "shared text that does not exist": (
        lambda: excel_file('<sheetData><row r="1"><c r="A1" t="s"><v>9</v></c></row></sheetData>'),
        _DAMAGED,
    ),
    "broken OpenDocument": (lambda: open_document("<table:table>"), _DAMAGED),
    "OpenDocument without content": (
        lambda: packed({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        _DAMAGED,
    ),
    "10,000 columns of text": (lambda: b";".join([b"x"] * 10_000), TableFault.TOO_MANY_COLUMNS),
    "10,000 columns": (lambda: workbook_of([[1] * 10_000]), TableFault.TOO_MANY_COLUMNS),
    "far cell": (
        lambda: excel_file(
            f'<sheetData><row r="1">{text_cell("A1", "x")}</row><row r="1048576">'
            f"{text_cell('XFD1048576', 'x')}</row></sheetData>"
        ),
        TableFault.TOO_MANY_COLUMNS,
    ),
    "too many bytes": (lambda: b"a;b\n" * 500_001, TableFault.TOO_LARGE),
}
"""Files by what they are, with the fault that each has. Small ones."""

_COPIES = "".join('<c t="s"><v>0</v></c>' for _column in range(100))

BOMBS: dict[str, tuple[Callable[[], bytes], TableFault]] = {
    "sheet of blanks": (lambda: excel_file(" " * 100_000_000), TableFault.TOO_COMPLEX),
    "member of zeros": (lambda: _with_member("xl/media/a.png", bytes(100_000_000)), TableFault.TOO_COMPLEX),
    "many members": (
        lambda: packed({f"xl/{number}.xml": b"" for number in range(9_000)}),
        TableFault.TOO_COMPLEX,
    ),
    "entities in a sheet": (
        lambda: excel_file(f'<sheetData><row r="1">{text_cell("A1", "&e;")}</row></sheetData>', head=_LAUGHS),
        _DAMAGED,
    ),
    "entities in OpenDocument": (
        lambda: packed(
            {
                **open_document_members(""),
                "content.xml": f"{_LAUGHS}<x>&e;</x>",
            }
        ),
        _DAMAGED,
    ),
    "long shared text in each cell": (
        lambda: excel_file(
            "<sheetData>" + f"<row>{_COPIES}</row>" * 500 + "</sheetData>", f"<si><t>{'x' * 4_999}</t></si>"
        ),
        TableFault.TOO_COMPLEX,
    ),
    "repeated long text": (
        lambda: open_document(
            '<table:table><table:table-row table:number-rows-repeated="500"><table:table-cell'
            ' table:number-columns-repeated="100" office:value-type="string"><text:p>'
            + "x" * 4_999
            + "</text:p></table:table-cell></table:table-row></table:table>"
        ),
        TableFault.TOO_COMPLEX,
    ),
    "many merged ranges": (
        lambda: excel_file(
            f"{_IDA}<mergeCells>" + '<mergeCell ref="A1:A1048576"/>' * 20_000 + "</mergeCells>"
        ),
        TableFault.TOO_COMPLEX,
    ),
    "a million repeated rows": (
        lambda: open_document(
            '<table:table><table:table-row table:number-rows-repeated="1048576"><table:table-cell'
            ' office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>'
            "</table:table>"
        ),
        TableFault.TOO_MANY_ROWS,
    ),
    "many shared texts": (
        lambda: excel_file(_IDA, "<si><t/></si>" * 3_500_000),
        TableFault.TOO_COMPLEX,
    ),
    "deep nesting": (
        lambda: excel_file(_IDA, "<si>" + "<r>" * 1_500_000 + "</r>" * 1_500_000 + "</si>"),
        TableFault.TOO_COMPLEX,
    ),
}
"""Files made to cost memory or time, with the fault that each has."""
