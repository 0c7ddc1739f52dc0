"""OpenDocument files: repeated rows and cells, values, and everything that is told."""

from __future__ import annotations

import io

import pytest
import python_calamine

from apps.batches.reading.table import FindingCode, NotReadable, TableFault
from tests.support.sheet_files import (
    cells_of,
    dates_of,
    findings_of,
    open_document,
    open_document_members,
    open_document_of,
    packed,
)

pytestmark = pytest.mark.once


def cell(text: str, attributes: str = "") -> str:
    opened = f'<table:table-cell office:value-type="string" {attributes}>'
    return f"{opened}<text:p>{text}</text:p></table:table-cell>"


def value(kind: str, stored: str, shown: str = "", attributes: str = "") -> str:
    name = {"float": "value", "percentage": "value", "currency": "value"}.get(kind, f"{kind}-value")
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{stored}" {attributes}>'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def table(*rows: str, name: str = "Tabelle1", attributes: str = "") -> str:
    return f'<table:table table:name="{name}" {attributes}>{"".join(rows)}</table:table>'


def test_values_are_texts_without_what_a_spreadsheet_adds() -> None:
    content = open_document(
        table(
            row(
                value("float", "491701234567", "4.9E+11"),
                value("float", "5", "5,00"),
                value("float", "1.50", "1,5"),
                value("percentage", "0.25", "25%"),
                value("boolean", "true", "WAHR"),
            ),
            row(
                value("date", "1991-03-07", "07.03.91"),
                value("date", "1991-03-07T00:00:00", "7. März"),
                value("date", "1991-03-07T09:05:00.000000000", "09:05"),
                value("time", "PT09H05M00S", "9:05"),
                value("date", "1899-12-25", "25.12.1899"),
            ),
            row(value("float", "42", "00042"), value("currency", "7", "7 €")),
        )
    )
    assert cells_of(content) == {
        1: ("491701234567", "5", "1.5", "0.25", "TRUE"),
        2: ("1991-03-07", "1991-03-07", "1991-03-07 09:05:00", "09:05:00", "1899-12-25"),
        3: ("00042", "7", "", "", ""),
    }
    assert dates_of(content) == {2: [0, 1, 2, 3, 4]}


def test_text_of_a_cell_is_what_is_shown() -> None:
    note = "<office:annotation><text:p>a note</text:p></office:annotation>"
    drawn = "<drawing:frame><text:p>a picture's text</text:p></drawing:frame>"
    ruby = (
        "<text:ruby><text:ruby-base>山田</text:ruby-base><text:ruby-text>やまだ</text:ruby-text></text:ruby>"
    )
    content = open_document(
        table(
            row(
                cell(f"a<text:s text:c='2'/>b<text:tab/>c\n  <text:span>d</text:span>{note}"),
                f"<table:table-cell office:value-type='string'>{note}{drawn}<text:p>x</text:p>"
                "<text:p>y</text:p></table:table-cell>",
                cell(ruby),
                cell("Zoé<text:s/>"),
            )
        )
    )
    assert cells_of(content) == {1: ("a  b\tc d", "x\ny", "山田", "Zoé ")}


def test_repeated_rows_and_cells_have_their_places() -> None:
    content = open_document(
        table(
            row(cell("a", 'table:number-columns-repeated="2"'), cell("b")),
            row("<table:table-cell/>", attributes='table:number-rows-repeated="5"'),
            "<table:table-row-group>"
            + row(
                '<table:table-cell table:number-columns-repeated="2"/>',
                cell("c"),
                '<table:table-cell table:number-columns-repeated="16381"/>',
                attributes='table:number-rows-repeated="2"',
            )
            + "</table:table-row-group>",
            row("<table:table-cell/>", attributes='table:number-rows-repeated="1048568"'),
        )
    )
    assert cells_of(content) == {1: ("a", "a", "b"), 7: ("", "", "c"), 8: ("", "", "c")}


def test_what_a_sheet_hides_merges_and_computes_is_told() -> None:
    styles = (
        '<style:style style:name="ta1"><style:table-properties table:display="true"/></style:style>'
        '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    )
    people = table(
        '<table:table-column/><table:table-column table:visibility="collapse"/>',
        row(
            cell("Ali", 'table:number-rows-spanned="3"'), value("float", "7", "7", 'table:formula="of:=3+4"')
        ),
        row(
            "<table:covered-table-cell/>",
            '<table:table-cell table:formula="of:=NOW()"/>',
            cell("Ida"),
            attributes='table:visibility="collapse"',
        ),
        row(
            "<table:covered-table-cell/>",
            cell("#REF!", 'calcext:value-type="error" table:formula="of:=X"'),
            cell("Bo"),
            attributes='table:visibility="filter"',
        ),
        attributes='table:style-name="ta1"',
    )
    content = open_document(
        table(row(cell("hidden")), attributes='table:style-name="ta2"')
        + table(row("<table:table-cell/>"), name="Empty")
        + people
        + table(row(cell("notes")), name="About"),
        styles,
    )
    assert cells_of(content) == {1: ("Ali", "7", ""), 2: ("Ali", "=…", "Ida"), 3: ("Ali", "#REF!", "Bo")}
    assert findings_of(content) == {
        FindingCode.HIDDEN_ROWS: 2,
        FindingCode.HIDDEN_COLUMNS: 1,
        FindingCode.OTHER_SHEETS: 1,
        FindingCode.MERGED_CELLS: 1,
        FindingCode.FORMULAS: 3,
        FindingCode.FORMULAS_WITHOUT_RESULT: 1,
        FindingCode.ERROR_VALUES: 1,
    }


def test_macros_and_long_numbers_are_told() -> None:
    members = open_document_members(table(row(value("float", "1.23456789012345E+018", "1,2E+18"))))
    content = packed({**members, "Basic/Standard/Module1.xml": "<x/>", "Basic/script-lc.xml": "<x/>"})
    assert findings_of(content) == {FindingCode.MACROS: 1, FindingCode.SHORTENED_NUMBERS: 1}
    assert cells_of(content) == {1: ("1.23456789012345E+18",)}
    assert FindingCode.MACROS not in findings_of(packed({**members, "Basic/script-lc.xml": "<x/>"}))


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (cell("Fehler:502", 'calcext:value-type="error" table:formula="x"'), "Fehler:502"),
        (cell("??", 'calcext:value-type="error" table:formula="x"'), "#VALUE!"),
        (value("float", "0", "#DIV/0!", 'table:formula="x"'), "#DIV/0!"),
        (value("float", "0", "Err:503", 'table:formula="x"'), "Err:503"),
        (value("float", "inf"), "#VALUE!"),
        (value("float", "12345678", "012-34-5678"), "012-34-5678"),
        (value("float", "442079460018", "+44 20 7946 0018"), "+44 20 7946 0018"),
        (value("float", "1234", "1.234"), "1234"),
        (value("float", "123456", "P0123456"), "P0123456"),
        (value("float", "123456", "M-123456"), "M-123456"),
        (value("float", "123456", "123456X"), "123456X"),
        (value("float", "1234", "1.234 kg"), "1234"),
        (value("float", "123000", "1,23E+05"), "123000"),
        (value("float", "100000", "1E+05"), "100000"),
        (value("float", "5", "5E+00"), "5"),
        (value("float", "5", "No.5"), "No.5"),
        (value("currency", "1234", "1234 EUR"), "1234"),
        (value("float", "0", "0.00"), "0"),
        (value("float", "0", "000"), "000"),
        (value("float", "5", "05.00"), "5"),
        ('<table:table-cell table:formula="x"/>', "=…"),
        ('<table:table-cell table:formula="x"><text:p>Ida</text:p></table:table-cell>', "Ida"),
    ],
)
def test_cell_without_a_value_says_so(inside: str, text: str) -> None:
    assert cells_of(open_document(table(row(inside)))) == {1: (text,)}


def test_encrypted_members_are_a_password() -> None:
    members = open_document_members(table(row(cell("x"))))
    manifest = '<manifest:manifest xmlns:manifest="m"><manifest:encryption-data/></manifest:manifest>'
    with pytest.raises(NotReadable) as refused:
        cells_of(packed({**members, "META-INF/manifest.xml": manifest, "content.xml": b"\x9c\x01"}))
    assert refused.value.fault is TableFault.HAS_PASSWORD


def test_another_reader_finds_the_same_cells() -> None:
    rows = [["Soyadı", "電話番号", "Straße"], ["Yılmaz", "090-1234", "Größe &amp; mehr"], ["Zoé", "x", "y"]]
    content = open_document_of(rows)
    theirs = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    assert list(cells_of(content).values()) == [tuple(line) for line in theirs.to_python()]


def test_cell_in_the_last_row_is_read_with_its_number() -> None:
    before = row("<table:table-cell/>", attributes='table:number-rows-repeated="1048575"')
    assert cells_of(open_document(table(before, row(cell("x"))))) == {1_048_576: ("x",)}


@pytest.mark.parametrize(
    ("inside", "fault", "count"),
    [
        (row(cell("x", 'table:number-columns-repeated="16384"')), TableFault.TOO_MANY_COLUMNS, 16_384),
        (
            row('<table:table-cell table:number-columns-repeated="16383"/>', cell("x")),
            TableFault.TOO_MANY_COLUMNS,
            16_384,
        ),
        (row(cell("x"), attributes='table:number-rows-repeated="1048576"'), TableFault.TOO_MANY_ROWS, 10_000),
        (row(cell("x"), attributes='table:number-rows-repeated="503"'), TableFault.TOO_MANY_ROWS, 503),
        (row(cell("x"), attributes='table:number-rows-repeated="many"'), TableFault.DAMAGED, 0),
        *(
            (
                row("<table:table-cell/>", attributes=f'table:number-rows-repeated="{before}"') * times
                + row(cell("x")),
                TableFault.TOO_COMPLEX,
                0,
            )
            for before, times in ((1_048_576, 1), (999_999_999, 1), (999_999_999, 3))
        ),
        (row(value("float", "NaN?")), TableFault.DAMAGED, 0),
        (row(cell("<text:s text:c='999999'/>x")), TableFault.CELL_TOO_LONG, 1),
        (row(cell("x") + table(row(cell("y")))), TableFault.TOO_COMPLEX, 0),
        ("", TableFault.EMPTY, 0),
    ],
)
def test_limits_name_what_is_too_large(inside: str, fault: TableFault, count: int) -> None:
    with pytest.raises(NotReadable) as refused:
        cells_of(open_document(table(inside)))
    assert (refused.value.fault, refused.value.count) == (fault, count)
