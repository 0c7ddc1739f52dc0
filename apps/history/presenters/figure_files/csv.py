"""The tables as one CSV file with a line for each number, so that a program can read all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from apps.core.export.csv_cells import BYTE_ORDER_MARK, csv_line, protect
from apps.history.presenters.figure_files.tables import Cell, Table, Type

HEAD = ("table", "row", "name", "first_day", "last_day", "measure", "value")
_NAMES = (Type.TEXT, Type.DAY)


def csv_file(tables: Iterable[Table]) -> bytes:
    """The file. Texts have the guard for spreadsheets; days are ISO dates, numbers have a decimal point.

    ``row`` numbers the rows of a table from 1. ``name`` has its texts, ``measure`` the key of the column.
    """
    lines = [HEAD, *(line for table in tables for line in _lines(table))]
    text = "".join(map(csv_line, lines))
    return (BYTE_ORDER_MARK + text).encode()


def _lines(table: Table) -> Iterable[tuple[str, ...]]:
    measures = [index for index, column in enumerate(table.columns) if column.type not in _NAMES]
    for number, row in enumerate(table.rows, start=1):
        by_key = {column.key: cell for column, cell in zip(table.columns, row, strict=True)}
        texts = [
            str(cell) for column, cell in zip(table.columns, row, strict=True) if column.type is Type.TEXT
        ]
        days = (_text(by_key.get("first_day")), _text(by_key.get("last_day")))
        row_id = (table.key, str(number))
        if not measures:  # a fact about the file: its name and its text
            yield (*row_id, protect(texts[0]), *days, "", protect(texts[1]))
        for index in measures:
            yield (*row_id, protect(" / ".join(texts)), *days, table.columns[index].key, _text(row[index]))


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
