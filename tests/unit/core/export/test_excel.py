"""Excel's package: days that programs count alike, and what a person sees of numbers and sheets."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path

import openpyxl
import pytest

from apps.core.export import excel
from apps.core.export.excel import Sheet, Style
from apps.core.export.zip_stream import ZipStream

_OF_DAYS = re.compile(r"1899|25_?569|1900[-, ]+0?3")


def book(cells: list[str], *, name: str = "Sheet", filtered: str = "") -> openpyxl.Workbook:
    """A workbook with one sheet, whose second row has these cells."""
    output = io.BytesIO()
    archive = ZipStream(output.write)
    excel.begin_package(archive)
    head = excel.sheet_head(["Heading"], [(24, Style.TEXT)], is_first=True)
    xml = f'{head}<row r="2">{"".join(cells)}</row></sheetData></worksheet>'
    archive.add("xl/worksheets/one.xml", xml.encode())
    excel.end_package(archive, [Sheet(name, "one.xml", filtered)])
    return openpyxl.load_workbook(io.BytesIO(output.getvalue()))


@pytest.mark.parametrize(
    ("day", "read"),
    [
        (dt.date(1899, 12, 30), "1899-12-30"),
        (dt.date(1900, 2, 28), "1900-02-28"),
        (dt.date(1900, 3, 1), dt.datetime(1900, 3, 1)),  # noqa: DTZ001  # Excel has no zones
        (dt.date(9999, 12, 31), dt.datetime(9999, 12, 31)),  # noqa: DTZ001
    ],
)
def test_day_is_a_date_from_march_1900_and_a_text_before(day: dt.date, read: object) -> None:
    cell = book([excel.day_cell("A2", day)]).worksheets[0]["A2"]
    assert (cell.value, cell.is_date) == (read, not isinstance(read, str))


def test_days_are_counted_by_constants_of_one_module() -> None:
    """Others would make files that write the same day differently."""
    here = Path(excel.__file__)
    modules = here.parents[2].rglob("*.py")
    assert [path for path in modules if _OF_DAYS.search(path.read_text(encoding="utf-8"))] == [here]


@pytest.mark.parametrize(
    ("style", "number_format"),
    [
        (Style.MOMENT, r"yyyy\-mm\-dd\ hh:mm:ss"),
        (Style.DATE, r"yyyy\-mm\-dd"),
        (Style.NUMBER, "0"),
        (Style.COUNT, "#,##0"),
        (Style.SHARE, "0.00%"),
        (Style.SECONDS, "0.00"),
    ],
)
def test_each_style_has_its_format(style: Style, number_format: str) -> None:
    sheet = book([excel.number_cell("A2", 0.25, style), excel.text_cell("B2", "=1+1")]).worksheets[0]
    assert sheet["A2"].number_format == number_format
    assert (sheet["B2"].number_format, sheet["B2"].data_type) == ("@", "s")
    assert sheet["A1"].font.bold
    assert not sheet["A2"].font.bold


def test_name_of_a_sheet_is_text() -> None:
    name = "<Sue's R&D>"
    assert book([], name=name, filtered="$A$1:$A$2").sheetnames == [name]
