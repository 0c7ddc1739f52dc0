"""Excel files in the shapes of Excel, Google Sheets and libraries: values, and everything that is told."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from openpyxl.cell.cell import Cell
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from apps.batches.reading.limits import Limits
from apps.batches.reading.table import FindingCode, NotReadable, TableFault
from apps.core.export.excel import text_markup
from tests.support.sheet_files import (
    LIMITS,
    MACRO_TYPE,
    cells_of,
    dates_of,
    excel_file,
    excel_members,
    findings_of,
    packed,
    text_cell,
    unpacked,
    workbook,
    workbook_of,
)

pytestmark = pytest.mark.once

MIDNIGHT = dt.datetime(1991, 3, 7)  # noqa: DTZ001  # spreadsheets have no zones


def test_values_are_texts_without_what_a_spreadsheet_adds() -> None:
    content = workbook_of(
        [
            ["Soyadı", "Straße", "電話番号", "Prénom"],
            ["Yılmaz", 491701234567, 5.0, " Zoé "],
            [1.5, -3, 0.000001, True],
            [dt.date(1991, 3, 7), MIDNIGHT, MIDNIGHT.replace(hour=9, minute=5), dt.time(9, 5)],
            [dt.timedelta(hours=30), None, "", "x"],
        ]
    )
    assert cells_of(content) == {
        1: ("Soyadı", "Straße", "電話番号", "Prénom"),
        2: ("Yılmaz", "491701234567", "5", " Zoé "),
        3: ("1.5", "-3", "0.000001", "TRUE"),
        4: ("1991-03-07", "1991-03-07", "1991-03-07 09:05:00", "09:05:00"),
        5: ("1 day, 6:00:00", "", "", "x"),
    }
    assert dates_of(content) == {4: [0, 1, 2, 3], 5: [0]}
    assert findings_of(content) == {}


def test_blank_rows_and_columns_at_the_edges_are_no_part_of_the_table() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        sheet["B3"], sheet["C3"], sheet["C7"] = "Name", "Age", " "
        sheet["B9"] = "Ida"
        sheet["ZZ2000"].number_format = "0.00"  # formatted, without content

    assert cells_of(workbook(fill)) == {3: ("", "Name", "Age"), 9: ("", "Ida", "")}


def test_first_visible_sheet_with_content_is_read_and_the_others_are_told() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet["A1"], sheet.sheet_state = "hidden", "hidden"
        book.create_sheet("Empty")
        book.create_sheet("People")["A1"] = "Ida"
        for name in ("Old", "Also empty", "About"):
            book.create_sheet(name)
        book["Old"]["A1"] = book["About"]["A1"] = "x"
        book.active = 1

    content = workbook(fill)
    assert cells_of(content) == {1: ("Ida",)}
    assert findings_of(content) == {FindingCode.OTHER_SHEETS: 2}


def test_hidden_rows_and_columns_are_read_and_told() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        for row in (["Name", "Age", "x"], ["Ida", 7, "x"], ["Bo", 8, "x"], [], ["Cy", 9, "x"]):
            sheet.append(row)
        sheet.row_dimensions[3].hidden = sheet.row_dimensions[4].hidden = True
        sheet.column_dimensions["B"].hidden = sheet.column_dimensions["K"].hidden = True

    content = workbook(fill)
    assert cells_of(content)[3] == ("Bo", "8", "x")
    assert findings_of(content) == {FindingCode.HIDDEN_ROWS: 1, FindingCode.HIDDEN_COLUMNS: 1}


def test_merged_value_is_in_each_row_that_has_content() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        for row in (["Guests", None, None], ["Name", "First", "Note"], ["Ali", "Ida", "x"]):
            sheet.append(row)
        sheet["B4"], sheet["B6"], sheet["B7"] = "Bo", "Cy", "Di"
        sheet.merge_cells("A1:C1")
        sheet.merge_cells("A3:A6")

    content = workbook(fill)
    assert cells_of(content) == {
        1: ("Guests", "", ""),
        2: ("Name", "First", "Note"),
        3: ("Ali", "Ida", "x"),
        4: ("Ali", "Bo", ""),
        6: ("Ali", "Cy", ""),
        7: ("", "Di", ""),
    }
    assert findings_of(content) == {FindingCode.MERGED_CELLS: 1}


def test_formulas_have_their_stored_results() -> None:
    sheet = (
        '<sheetData><row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>"x"</f><v>x</v></c>'
        '<c r="C1"><f>NOW()</f></c><c r="D1" t="str"><f>""</f></c><c r="E1" t="e"><f>A9</f><v>#REF!</v></c>'
        '<c r="F1"><v>7</v></c></row></sheetData>'
    )
    content = excel_file(sheet)
    assert cells_of(content) == {1: ("2", "x", "=…", "", "#REF!", "7")}
    assert findings_of(content) == {
        FindingCode.FORMULAS: 5,
        FindingCode.FORMULAS_WITHOUT_RESULT: 1,
        FindingCode.ERROR_VALUES: 1,
    }


def test_row_of_formulas_without_results_is_no_blank_row() -> None:
    sheet = (
        f'<sheetData><row r="1">{text_cell("A1", "Name")}</row>'
        '<row r="2"><c r="B2"><f>X1</f></c></row><row><c><f>X2</f><v/></c></row></sheetData>'
    )
    content = excel_file(sheet)
    assert cells_of(content) == {1: ("Name", ""), 2: ("", "=…"), 3: ("=…", "")}
    assert _fault(excel_file('<sheetData><row r="1"><c r="XFD1"><f>X1</f></c></row></sheetData>')) == (
        TableFault.TOO_MANY_COLUMNS,
        16_384,
    )


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("6011111111111117", "6.01111111111112E+15"),
        ("1.2345678901234E15", "1.23456789012340E+15"),
        ("-1e15", "-1.00000000000000E+15"),
        ("999999999999999", "999999999999999"),
        ("1E999", "#VALUE!"),
    ],
)
def test_number_with_lost_digits_is_read_as_a_shortened_one(stored: str, text: str) -> None:
    content = excel_file(f'<sheetData><row r="1"><c r="A1"><v>{stored}</v></c></row></sheetData>')
    assert cells_of(content) == {1: (text,)}
    assert findings_of(content).get(FindingCode.SHORTENED_NUMBERS, 0) == ("E+" in text)


@pytest.mark.parametrize(
    ("number", "pattern", "text", "lost"),
    [
        (12345678, "000-00-0000", "012-34-5678", 0),
        (123456789, "000-00-0000", "123-45-6789", 0),
        (612345678, '0#" "##" "##" "##" "##', "06 12 34 56 78", 0),
        (442079460018, '"+"0', "+442079460018", 0),
        (442079460018, "\\+00\\ 00\\ 0000\\ 0000", "+44 20 7946 0018", 0),
        (5, "[$-407]00000", "00005", 0),
        (1234, "000", "1234", 0),
        (7, '"A"000', "A007", 0),
        (12345, '"P"0000000', "P0012345", 0),
        (12345, '"C"0', "C12345", 0),
        (5, '"No."0', "No.5", 0),
        (12345, "\\M\\-0", "M-12345", 0),
        (12345, '"M-"#', "M-12345", 0),
        (12345, 'General"X"', "12345X", 0),
        (851234567, '"353"0', "353851234567", 0),
        (7, '"№"000', "7", 1),
        (1234, '0" €"', "1234", 0),
        (1234, '"A"#,##0', "1234", 0),
        (7, "[>9]000;0", "7", 1),
        (7, '"+"General', "+7", 0),
        (1234, "#,##0", "1234", 0),
        (1234, "0.00", "1234", 0),
        (1234, "0.00E+00", "1234", 0),
        (1234, '#,##0.00\\ "€"', "1234", 0),
        (1234, "0", "1234", 0),
        (1234, "General", "1234", 0),
        (1234, "@", "1234", 0),
    ],
)
def test_number_with_the_format_of_a_code_is_read_as_it_is_shown(
    number: int, pattern: str, text: str, lost: int
) -> None:
    def fill(_book: Any, sheet: Any) -> None:
        sheet["A1"] = number
        sheet["A1"].number_format = pattern

    assert cells_of(workbook(fill)) == {1: (text,)}
    assert findings_of(workbook(fill)).get(FindingCode.LOST_ZEROS, 0) == lost


def test_zeros_of_a_format_hide_no_lost_digits() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        sheet["A1"] = 1234567890123456
        sheet["A1"].number_format = "0" * 20

    assert cells_of(workbook(fill)) == {1: ("1.23456789012346E+15",)}


def test_long_numbers_and_lost_zeros_are_told() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        for row in (["Phone", "Code"], ["+49 170", "007"], [1701234567, 8], [1234567890123456, "1.23E+11"]):
            sheet.append(row)
        sheet["B3"].number_format = "000"
        sheet["C2"], sheet["C3"] = "0815", 815

    content = workbook(fill)
    assert cells_of(content)[3] == ("1701234567", "008", "815")
    assert cells_of(content)[4] == ("1.23456789012346E+15", "1.23E+11", "")
    assert findings_of(content) == {FindingCode.SHORTENED_NUMBERS: 2, FindingCode.LOST_ZEROS: 1}


def test_macros_are_told() -> None:
    members = excel_members(
        f'<sheetData><row r="1">{text_cell("A1", "Ida")}</row></sheetData>', main=MACRO_TYPE
    )
    assert findings_of(packed({**members, "xl/vbaProject.bin": b"x"})) == {FindingCode.MACROS: 1}
    assert findings_of(packed(members)) == {}


def test_dates_of_both_systems_are_the_days_that_are_shown() -> None:
    def fill(book: Any, sheet: Any) -> None:
        book.epoch = CALENDAR_MAC_1904
        sheet["A1"] = dt.date(1991, 3, 7)

    assert cells_of(workbook(fill)) == {1: ("1991-03-07",)}
    days = workbook_of([[1, 59, 61, 33304, -400, 99999999]])
    members = unpacked(days)
    sheet = re.sub(rb'(<c r="[A-F]1")', rb'\1 s="1"', members["xl/worksheets/sheet1.xml"])
    styles = re.sub(
        rb"(<cellXfs[^>]*>.*?)</cellXfs>", rb'\1<xf numFmtId="14"/></cellXfs>', members["xl/styles.xml"]
    )
    content = packed({**members, "xl/worksheets/sheet1.xml": sheet, "xl/styles.xml": styles})
    assert cells_of(content) == {
        1: ("1900-01-01", "1900-02-28", "1900-03-01", "1991-03-07", "1898-11-25", "#VALUE!")
    }
    assert findings_of(content) == {FindingCode.ERROR_VALUES: 1}  # a day that no calendar has


def test_styles_that_openpyxl_refuses_do_not_hide_the_values() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        sheet["A1"], sheet["B1"], sheet["C1"] = dt.date(1991, 3, 7), 42, "Ida"
        sheet["B1"].number_format = "00000"

    members = unpacked(workbook(fill))
    broken = re.sub(rb"<fills.*?</fills>", b"<fills><fill/></fills>", members["xl/styles.xml"])
    assert broken != members["xl/styles.xml"]
    assert cells_of(packed({**members, "xl/styles.xml": broken})) == {1: ("1991-03-07", "00042", "Ida")}


def test_japanese_names_come_without_their_reading() -> None:
    shared = (
        "<si><t>山田</t><rPh sb='0' eb='2'><t>ヤマダ</t></rPh><phoneticPr fontId='1'/></si>"
        "<si><r><t>太</t></r><r><rPr><b/></rPr><t>郎</t></r></si><si><t> </t></si>"
    )
    cells = '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="XFD1" t="s"><v>2</v></c>'
    content = excel_file(f'<sheetData><row r="1">{cells}</row></sheetData>', shared)
    assert cells_of(content) == {1: ("山田", "太郎")}


def test_cells_and_rows_may_come_without_their_places() -> None:
    cells = "<c t='inlineStr'><is><t>{}</t></is></c>"
    content = excel_file(
        f"<sheetData><row>{cells.format('a')}{cells.format('b')}</row><row/>"
        f"<row>{cells.format('c_x000D_&#10;d')}</row></sheetData>"
    )
    assert cells_of(content) == {1: ("a", "b"), 3: ("c\nd", "")}


@pytest.mark.parametrize(
    "text",
    [
        "_x2024_",
        "_x005F_x2024_",
        "_x2024_x0041_",
        "_x000B_",
        "a\x0b_x0041\x01",
        "\ufffe",
        "a_b",
        "_x_",
        "😀_x1F600_",
    ],
)
def test_text_of_the_portals_own_files_comes_back_unchanged(text: str) -> None:
    content = excel_file(
        f'<sheetData><row r="1"><c r="A1" t="inlineStr"><is>{text_markup(text)}</is></c></row></sheetData>'
    )
    assert cells_of(content) == {1: (text,)}


def test_codes_of_characters_are_decoded_in_cells_and_results_of_formulas() -> None:
    result = '<c r="B1" t="str"><f>A1</f><v>Anna_x000b_Maria_x005F_x0041_</v></c>'
    text = text_cell("A1", "_xD83D__xDE00_ _xD83D_ _x0000_ a_x000D_b")
    content = excel_file(f'<sheetData><row r="1">{text}{result}</row></sheetData>')
    assert cells_of(content) == {1: ("😀 \ufffd \ufffd a\nb", "Anna\vMaria_x0041_")}


def test_codes_of_control_characters_are_decoded_in_shared_texts_and_others_may_have_been_typed() -> None:
    """openpyxl removes the mark of what was typed."""
    shared = "<si><t>Anna_x000B_Doe_x000D_&#10;</t></si><si><t>_x005F_x2024_</t></si><si><t>_x2024_</t></si>"
    cells = "".join(f'<c r="{at}1" t="s"><v>{number}</v></c>' for number, at in enumerate("ABC"))
    content = excel_file(f'<sheetData><row r="1">{cells}</row></sheetData>', shared)
    assert cells_of(content) == {1: ("Anna\vDoe\n", "_x2024_", "_x2024_")}


def test_order_of_blank_rows_and_of_the_cells_of_a_row_does_not_matter() -> None:
    content = excel_file(
        f'<sheetData><row r="1">{text_cell("B1", "b")}<c r="A1"/>{text_cell("A1", "a")}</row>'
        f'<row r="2">{text_cell("A2", "c")}</row><row r="2"/><row r="1"/></sheetData>'
    )
    assert cells_of(content) == {1: ("a", "b"), 2: ("c", "")}


@pytest.mark.parametrize("extent", ["A1:XFD1048576", "A1"])
def test_extent_that_a_sheet_claims_costs_nothing(extent: str) -> None:
    content = excel_file(
        f'<dimension ref="{extent}"/><sheetData><row r="2">{text_cell("B2", "Ida")}</row></sheetData>'
    )
    assert cells_of(content) == {2: ("", "Ida")}


def test_cell_in_the_last_row_is_read_with_its_number() -> None:
    content = excel_file(
        f'<sheetData><row r="1">{text_cell("A1", "Name")}</row>'
        f'<row r="1048576">{text_cell("A1048576", "Ida")}</row></sheetData>'
    )
    assert cells_of(content) == {1: ("Name",), 1_048_576: ("Ida",)}


def test_limits_name_what_is_too_large() -> None:
    assert _fault(workbook_of([[1] * 101])) == (TableFault.TOO_MANY_COLUMNS, 101)
    assert _fault(workbook_of([["Ida"]] * 503)) == (TableFault.TOO_MANY_ROWS, 503)
    assert _fault(workbook_of([["Ida"]] * 10_100)) == (TableFault.TOO_MANY_ROWS, 10_000)
    assert _fault(workbook_of([["Name"], [], ["x" * 5_001]])) == (TableFault.CELL_TOO_LONG, 3)
    repeated = workbook_of([["x" * 900] * 10] * 400)
    assert len(cells_of(repeated)) == 400
    assert _fault(repeated, Limits(500, 2_000_000)) == (TableFault.TOO_COMPLEX, 0)


@pytest.mark.parametrize("row", [1_048_577, 999_999_999, 2_999_999_999])
def test_row_that_no_sheet_has_is_refused_before_the_cells_are_read(
    row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("apps.batches.reading.xlsx._cells")
    cells = f'<row r="1">{text_cell("A1", "Name")}</row><row r="{row}">{text_cell("A1", "Ida")}</row>'
    assert _fault(excel_file(f"<sheetData>{cells}</sheetData>")) == (TableFault.TOO_COMPLEX, 0)


def _fault(content: bytes, limits: Limits = LIMITS) -> tuple[TableFault, int]:
    with pytest.raises(NotReadable) as refused:
        cells_of(content, limits)
    return refused.value.fault, refused.value.count


def test_formula_injection_stays_text() -> None:
    def fill(_book: Any, sheet: Any) -> None:
        cell: Cell = sheet["A1"]
        cell.value, cell.data_type = "=1+1", "s"

    assert cells_of(workbook(fill)) == {1: ("=1+1",)}
