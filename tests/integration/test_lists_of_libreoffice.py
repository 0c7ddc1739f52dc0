"""Lists as LibreOffice saves them are read as their authors see them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from apps.batches.reading.read import read_file
from apps.batches.reading.table import FindingCode
from tests.support.office import WHAT, converted, find_office
from tests.support.sheet_files import workbook

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(find_office() is None, reason=f"needs {WHAT}"),
]


_EVENING = dt.datetime(2001, 12, 31, 21, 5)  # noqa: DTZ001  # spreadsheets have no zones


def _fill(book: Any, sheet: Any) -> None:
    for row in (
        ["Nachname", "Prénom", "Doğum tarihi", "電話番号", "Summe", "Code"],
        ["Müller", "Zoé", dt.date(1991, 3, 7), 491701234567, "=1+2", 42],
        [None, "Ayşe", dt.date(1890, 1, 2), "0170 12", "=1/0", "007"],
        [],
        ["山田", "太郎  x", _EVENING, 5, "", "zwei\nZeilen"],
    ):
        sheet.append(row)
    sheet["F2"].number_format = "00000"
    sheet.merge_cells("A2:A3")
    sheet.row_dimensions[5].hidden = True
    sheet.column_dimensions["D"].hidden = True
    book.create_sheet("Notes")["A1"] = "x"


@pytest.mark.parametrize("kind", ["ods", "xlsx"])
def test_list_saved_by_libreoffice_is_read(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "liste.xlsx"
    source.write_bytes(workbook(_fill))
    target = tmp_path / "saved"
    target.mkdir()
    [saved] = converted([source], kind, target)
    table = read_file(saved.name, saved.read_bytes())
    assert {row.number: row.cells for row in table.rows} == {
        1: ("Nachname", "Prénom", "Doğum tarihi", "電話番号", "Summe", "Code"),
        2: ("Müller", "Zoé", "1991-03-07", "491701234567", "3", "00042"),
        3: ("Müller", "Ayşe", "1890-01-02", "0170 12", "#DIV/0!", "007"),
        5: ("山田", "太郎  x", "2001-12-31 21:05:00", "5", "", "zwei\nZeilen"),
    }
    found = {finding.code: finding.count for finding in table.findings}
    assert found == {
        FindingCode.HIDDEN_ROWS: 1,
        FindingCode.HIDDEN_COLUMNS: 1,
        FindingCode.OTHER_SHEETS: 1,
        FindingCode.MERGED_CELLS: 1,
        FindingCode.FORMULAS: 2,
        FindingCode.ERROR_VALUES: 1,
        FindingCode.LOST_ZEROS: 2,
    }


def test_list_saved_as_csv_by_libreoffice_is_read(tmp_path: Path) -> None:
    source = tmp_path / "liste.xlsx"
    source.write_bytes(workbook(_fill))
    [saved] = converted([source], "csv:Text - txt - csv (StarCalc):59,34,ANSI,1", tmp_path)
    rows = read_file(saved.name, saved.read_bytes()).rows
    assert rows[1].cells[0] == "Müller"
    assert rows[1].cells[1] == "Zoé"
