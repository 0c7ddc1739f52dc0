"""Tables that are pasted: delimiters, quoted cells, row numbers and limits."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.batches.models import SourceKind
from apps.batches.reading.read import read_pasted
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault
from apps.core.export.csv_cells import restore_if_protected

pytestmark = pytest.mark.once

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda cell: (
        restore_if_protected(cell) == cell
        and not cell.isspace()
        and not cell.startswith("=")
        and cell.casefold().strip() != "#example"
    )
)
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
)


def cells(table: Table) -> dict[int, tuple[str, ...]]:
    return {row.number: row.cells for row in table.rows}


def test_row_numbers_are_the_ones_of_the_copied_rows() -> None:
    table = read_pasted('Nachname\tNotiz\r\n\r\nMüller\t"zwei\nZeilen"\r\n \t\r\nKöhler\tx\r\n')
    assert cells(table) == {1: ("Nachname", "Notiz"), 3: ("Müller", "zwei\nZeilen"), 5: ("Köhler", "x")}
    assert (table.source, table.width, table.findings) == (SourceKind.PASTED, 2, ())


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("Ida;Clean, née Dirty", ("Ida", "Clean, née Dirty")),
        ("Ida,Clean", ("Ida", "Clean")),
        ("山田\t太郎\t090-1234-5678", ("山田", "太郎", "090-1234-5678")),
        ("\ufeffIda\tClean", ("Ida", "Clean")),
        ('"Bob" Builder\tIda', ('"Bob" Builder', "Ida")),
        ("Ida\tClean\t\t", ("Ida", "Clean")),
        ("Ida|Clean", ("Ida|Clean",)),
        ('"a;b",Clean', ("a;b", "Clean")),
        ("'t Hooft\t'+49 170", ("'t Hooft", "+49 170")),  # the guard of the portal's own files
    ],
)
def test_row_is_read_as_spreadsheets_copy_it(text: str, row: tuple[str, ...]) -> None:
    assert cells(read_pasted(text)) == {1: row}


@pytest.mark.parametrize(
    "text",
    [
        "Name,Mails\nIda,a@x.de;b@x.de\nBo,c@x.de",
        "Name,Note\nIda,x;y",
        "Name,A,B\nIda,1;2,3\nBo,4,5;6;7",
    ],
)
def test_semicolons_in_cells_do_not_separate_a_text_with_commas(text: str) -> None:
    assert list(cells(read_pasted(text)).values()) == [tuple(line.split(",")) for line in text.split("\n")]


def test_pasted_lines_that_are_separated_in_different_ways_are_refused() -> None:
    assert _fault("a;b\n1;2\n3;4\n5,6\n7,8\n9,0\n") == (TableFault.SEVERAL_FORMATS, 0)


@given(TABLES)
@example([['"a', 'b"'], ["c", 'd"']])
def test_what_csv_writes_with_tabs_is_read_back(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter="\t").writerows(rows)
    assert list(cells(read_pasted(text.getvalue())).values()) == [tuple(row) for row in rows]


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff", "\0\0"])
def test_text_without_rows_is_refused(text: str) -> None:
    with pytest.raises(NotReadable) as refused:
        read_pasted(text)
    assert refused.value.fault is TableFault.EMPTY


def test_limit_of_rows_leaves_room_for_headers_and_the_example(settings: Settings) -> None:
    settings.BATCH_MAX_ROWS = 3
    lines = ["Name\tAge", "#example\tIda", *(f"Ida {number}\t7" for number in range(3))]
    table = read_pasted("\n".join(lines))
    assert [row.number for row in table.rows] == [1, 3, 4, 5]
    assert table.findings == (Finding(FindingCode.EXAMPLE_ROWS, 1),)
    with pytest.raises(NotReadable) as refused:
        read_pasted("\n".join([*lines, "Ida\t8", "Ida\t9"]))
    assert (refused.value.fault, refused.value.count) == (TableFault.TOO_MANY_ROWS, 7)


def test_limits_of_size_columns_and_cells_name_what_is_too_large(settings: Settings) -> None:
    settings.BATCH_MAX_BYTES = 20_000
    assert _fault("é" * 10_001) == (TableFault.TOO_LARGE, 20_000)
    assert _fault("a" * 20_001) == (TableFault.TOO_LARGE, 20_000)
    assert _fault("\t".join("x" * 101)) == (TableFault.TOO_MANY_COLUMNS, 101)
    assert _fault("a\tb\n\n" + "c" * 5_001) == (TableFault.CELL_TOO_LONG, 3)
    assert len(read_pasted("\t".join("x" * 100) + "\t\t\t").rows[0].cells) == 100


def _fault(text: str) -> tuple[TableFault, int]:
    with pytest.raises(NotReadable) as refused:
        read_pasted(text)
    return refused.value.fault, refused.value.count


def test_numbers_that_a_spreadsheet_shortened_are_counted() -> None:
    table = read_pasted("Phone\tCode\n4,9157E+11\t00123\n1.23E+11\t456\n+491709\t7890123\nE+1\t0")
    assert table.findings == (
        Finding(FindingCode.SHORTENED_NUMBERS, 2),
        Finding(FindingCode.LOST_ZEROS, 1),
    )


def test_rows_with_more_cells_than_the_headers_are_counted() -> None:
    table = read_pasted("a\tb\t\n1\t2\t\t\n1\t2\t3\n1")
    assert table.findings == (Finding(FindingCode.UNEVEN_ROWS, 1),)
    assert cells(table)[4] == ("1", "", "")


@pytest.mark.parametrize(
    ("widths", "uneven"),
    [
        ([1, 3, 3, 3], 0),  # a title
        ([1, 3, 3, 4], 1),
        ([2, 1, 4, 3, 3, 4, 5], 1),  # two rows above the headers; last cells are blank
        ([5, 3, 3, 3, 5], 0),
        ([3, 3, 4, 5], 2),
        ([2, 3], 1),
        ([3], 0),
    ],
)
def test_rows_above_the_headers_and_blank_last_cells_are_no_uneven_rows(
    widths: list[int], uneven: int
) -> None:
    found = read_pasted("\n".join("\t".join("x" * width) for width in widths)).findings
    assert sum(finding.count for finding in found if finding.code is FindingCode.UNEVEN_ROWS) == uneven


def test_text_of_unclosed_quotation_marks_takes_one_pass() -> None:
    rows = read_pasted("\n".join(f'"name {number}\t7"x' for number in range(500))).rows
    assert len(rows) == 500
    assert rows[0].cells == ('"name 0', '7"x')
