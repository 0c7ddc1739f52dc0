"""The tables as an Excel file: a sheet for each, with numbers, days and shares as such."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from typing import Final

from apps.core.export import excel
from apps.core.export.excel import Style
from apps.core.export.zip_stream import ZipStream
from apps.history.presenters.figure_files.tables import Cell, Column, Table, Type

_WIDTH: Final = 24  # characters
_STYLES: Final = {
    Type.TEXT: Style.TEXT, Type.COUNT: Style.COUNT, Type.SHARE: Style.SHARE, Type.SECONDS: Style.SECONDS,
    Type.DAY: Style.DATE,
}  # fmt: skip


def excel_file(tables: Sequence[Table]) -> bytes:
    """The workbook."""
    output = io.BytesIO()
    archive = ZipStream(output.write)
    excel.begin_package(archive)
    sheets = [excel.Sheet(table.title, f"sheet{number}.xml") for number, table in enumerate(tables, 1)]
    for table, sheet in zip(tables, sheets, strict=True):
        xml = _sheet(table, is_first=sheet is sheets[0])
        archive.add(f"xl/worksheets/{sheet.file}", xml.encode())
    excel.end_package(archive, sheets)
    return output.getvalue()


def _sheet(table: Table, *, is_first: bool) -> str:
    head = excel.sheet_head(
        (column.label for column in table.columns),
        ((_WIDTH, _STYLES[column.type]) for column in table.columns),
        is_first=is_first,
    )
    rows = "".join(
        excel.sheet_row(number, _cells(table.columns, row, number))
        for number, row in enumerate(table.rows, 2)
    )
    return f"{head}{rows}{excel.SHEET_END}"


def _cells(columns: Sequence[Column], row: Sequence[Cell], number: int) -> Iterator[str]:
    """The cells of a row. Empty ones are left out."""
    for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
        cell_ref = f"{excel.letters(at)}{number}"
        if isinstance(cell, str):
            yield excel.text_cell(cell_ref, cell)
        elif isinstance(cell, dt.date):
            yield excel.day_cell(cell_ref, cell)
        elif cell is not None:
            yield excel.number_cell(cell_ref, cell, _STYLES[column.type])
