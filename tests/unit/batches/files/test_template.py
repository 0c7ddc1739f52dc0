"""The template that people download: the portal reads it back, empty and filled."""

from __future__ import annotations

import io
from collections.abc import Callable

import openpyxl
import pytest

from apps.batches.columns.matching import propose
from apps.batches.files.template import template
from apps.batches.reading.read import read_file
from apps.batches.reading.table import FindingCode, NotReadable, Table, TableFault
from apps.cdp.fields import NAMES
from apps.core.export.formats import Format

_TARGETS = (
    "title", "first_name", "last_name", "gender", "date_of_birth", "emails", "emails", "phone_numbers",
    "phone_numbers", "nationality", "passport_number", "country",
)  # fmt: skip


def test_every_field_but_identifiers_has_a_column() -> None:
    assert {*_TARGETS} == {*NAMES} - {"identifiers"}


def targets(table: Table, providers: tuple[str, ...]) -> tuple[str, ...]:
    proposal = propose(table, providers=providers, remembered=lambda _headers: None)
    assert proposal.has_headers
    assert proposal.questions == ()
    return proposal.targets


@pytest.mark.parametrize("providers", [(), ("LOY", "CRM ID"), ("CRM1", "CRM2")])
@pytest.mark.parametrize("format_", [Format.XLSX, Format.CSV])
def test_empty_template_has_headers_that_the_portal_knows_and_no_people(
    format_: Format, providers: tuple[str, ...]
) -> None:
    table = read_file("template", template(format_, providers))
    assert [row.number for row in table.rows] == [1]
    own = tuple(f"identifier:{name}" for name in providers) or ("identifier_provider", "identifier_id")
    assert targets(table, providers) == (*_TARGETS, *own)


def test_filled_workbook_is_read_without_its_examples() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(Format.XLSX, ("LOY",))))
    people, notes = book.worksheets
    assert people["B2"].value is None
    assert notes["B3"].value == "Ida"
    people["B2"], people["C2"], people["M2"] = "Zoé", "Müller", "007"
    stream = io.BytesIO()
    book.save(stream)
    table = read_file("liste.xlsx", stream.getvalue())
    assert (table.rows[1].number, table.rows[1].cells[1:3], table.rows[1].cells[12]) == (
        2,
        ("Zoé", "Müller"),
        "007",
    )
    assert table.findings == ()


@pytest.mark.parametrize("separator", [",", ";"])
def test_filled_csv_is_read_without_its_example(separator: str) -> None:
    """Spreadsheets save the file with the separator of their language."""
    filled = template(Format.CSV, ()) + ",".join(["Ms", "Zoé", "Müller", *[""] * 11]).encode() + b"\r\n"
    table = read_file("liste.csv", filled.replace(b",", separator.encode()))
    assert [(row.number, row.cells[:3]) for row in table.rows] == [
        (1, ("Title", "First name", "Last name")),
        (3, ("Ms", "Zoé", "Müller")),
    ]
    assert FindingCode.EXAMPLE_ROWS in {finding.code for finding in table.findings}


def test_example_alone_is_no_list() -> None:
    _header, example, _end = template(Format.CSV, ()).split(b"\r\n")
    with pytest.raises(NotReadable) as refused:
        read_file("a.csv", example)
    assert refused.value.fault is TableFault.EMPTY


def _rows_with_example(change: Callable[[list[str]], list[str]]) -> list[tuple[str, ...]]:
    """The rows of a template whose example was changed, with a person below it."""
    header, example, _end = template(Format.CSV, ()).decode().split("\r\n")
    lines = [header, ",".join(change(example.split(","))), "Ms,Zoe,Clean"]
    return [row.cells for row in read_file("a.csv", "\r\n".join(lines).encode()).rows]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1, "Ada"),
        (2, "Lovelace"),
        (4, "1815-12-10"),
        (4, "7 March"),
        (6, "ada@example.com"),
        (8, "12"),
        (13, "A-1"),
    ],
)
def test_person_who_was_written_over_the_example_is_not_dropped(at: int, text: str) -> None:
    def overwritten(cells: list[str]) -> list[str]:
        return [*cells[:at], text, *cells[at + 1 :]]

    _headers, person, _other = _rows_with_example(overwritten)
    assert (person[0], person[at]) == ("#example", text)


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cells[:3],
        lambda cells: [cells[0].upper(), *cells[1:]],
        lambda cells: [*cells[:4], "07/03/1991", *cells[5:]],
        lambda cells: [*cells[:4], "3/7/91", *cells[5:]],
        lambda cells: [*cells[:4], "7.3.1991", *cells[5:]],
        lambda cells: [*cells[1:5], cells[0]],
    ],
)
def test_example_that_a_spreadsheet_has_saved_is_recognised(
    change: Callable[[list[str]], list[str]],
) -> None:
    assert [cells[1] for cells in _rows_with_example(change)] == ["First name", "Zoe"]
