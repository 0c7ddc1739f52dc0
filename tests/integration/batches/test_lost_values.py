"""Values that a spreadsheet has lost: the row is not ready until a person enters them."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import User
from apps.batches.changing.rows import correct_row
from apps.batches.checking.check import check_batch
from apps.batches.columns.matching import propose
from apps.batches.columns.problems import code_from_date, problems_of
from apps.batches.files.result import read_result, result_file
from apps.batches.models import Batch
from apps.batches.reading.read import read_file
from apps.batches.storing.upload import create_batch
from apps.cdp.factory import get_client
from apps.core.export.formats import Format
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.batch_rows import findings, row_of, states
from tests.support.people import acting
from tests.support.sheet_files import excel_file, text_cell

pytestmark = pytest.mark.django_db

HEADERS = ("First name", "Last name", "Email", "Phone", "Passport number", "Nationality", "Gender")


def _uploaded(person: User, name: str, content: bytes) -> Batch:
    table = read_file(name, content)
    proposal = propose(table, providers=(), remembered=lambda _headers: None)
    assert proposal.questions == ()
    batch = create_batch(
        table, proposal.choice, providers=(), order_ref=SAMPLE_ORDER, order_number="", actor=acting(person)
    )
    check_batch(batch, client=get_client())
    return batch


def _name(number: int) -> str:
    """A name that is like no other: digits in names, and similar names, are warnings."""
    return "".join(chr(ord("a") + (number * factor) % 23) for factor in (1, 3, 5, 7, 11, 13, 17)).title()


def _excel(*people: dict[str, str]) -> bytes:
    """A file with these people. A value is the inside of a cell, after its place, or a text."""
    lines = [
        "".join(text_cell(f"{column}1", header) for column, header in zip("ABCDEFG", HEADERS, strict=True))
    ]
    for number, person in enumerate(people, 2):
        own = {
            "First name": _name(number),
            "Last name": _name(number + 1),
            "Email": f"{_name(number)}@example.com",
        }
        values: dict[str, Any] = {**own, **person}
        places = {column: values.get(header, "") for column, header in zip("ABCDEFG", HEADERS, strict=True)}
        lines.append(
            "".join(
                f'<c r="{column}{number}"{value[2:]}'
                if value.startswith("<c")
                else text_cell(f"{column}{number}", value)
                for column, value in places.items()
                if value
            )
        )
    rows = "".join(f'<row r="{number}">{line}</row>' for number, line in enumerate(lines, 1))
    return excel_file(f"<sheetData>{rows}</sheetData>")


ERROR = '<c t="e"><f>A9</f><v>#REF!</v></c>'
NO_RESULT = "<c><f>VLOOKUP(1,2,3)</f></c>"
LOST = [
    {"Passport number": "<c><v>6011111111111117</v></c>"},
    {"Passport number": "<c><v>1.2345678901234E15</v></c>"},
    {"Phone": "<c><v>1e16</v></c>"},
    *({header: cell} for cell in (ERROR, NO_RESULT) for header in HEADERS),
]
FIELDS = {
    "First name": "first_name",
    "Last name": "last_name",
    "Email": "emails-0-value",
    "Phone": "phone_numbers-0-value",
    "Passport number": "passport_number",
    "Nationality": "nationality",
    "Gender": "gender",
}
GIVEN = {"Email": "ida@example.com", "Phone": "+442079460018", "Nationality": "Irish", "Gender": "female"}


def test_row_with_a_lost_value_is_not_ready_until_a_person_enters_it(staff: User) -> None:
    batch = _uploaded(staff, "list.xlsx", _excel(*LOST, {"Passport number": "<c><v>999999999999999</v></c>"}))
    assert states(batch) == ["attention"] * len(LOST) + ["ready"]
    for number, lost in enumerate(LOST, 2):
        [header] = lost
        assert [error.field for error in findings(batch, number).errors] == [FIELDS[header]]
        row = row_of(batch, number)
        entered = {FIELDS[header]: GIVEN.get(header, _name(50 + number))}
        correct_row(batch, row, {**row.values, **entered}, actor=acting(staff))
        assert findings(batch, number).errors == ()
    assert states(batch) == ["ready"] * (len(LOST) + 1)


DATE = '<c t="d"><v>2026-05-12</v></c>'
TIME = '<c t="d"><v>12:05:00</v></c>'


def test_code_that_became_a_date_or_time_is_not_ready_until_a_person_enters_it(staff: User) -> None:
    made = [{header: cell} for header in ("Passport number", "Phone") for cell in (DATE, TIME)]
    typed = [{"Passport number": text} for text in ("2026-05-12", "12:05:00")]
    batch = _uploaded(staff, "list.xlsx", _excel(*made, *typed))
    assert states(batch) == ["attention"] * 4 + ["ready"] * 2
    for number, [header] in enumerate(made, 2):
        assert [error.field for error in findings(batch, number).errors] == [FIELDS[header]]
    for number, text in ((2, "2026-05-13"), (3, "12-05")):
        row = row_of(batch, number)
        correct_row(batch, row, {**row.values, "passport_number": text}, actor=acting(staff))
    assert states(batch) == ["ready"] * 2 + ["attention"] * 2 + ["ready"] * 2


@pytest.mark.parametrize("format_", [Format.XLSX, Format.CSV])
def test_code_that_became_a_date_stays_an_error_in_the_result_file(staff: User, format_: Format) -> None:
    batch = _uploaded(
        staff, "list.xlsx", _excel({"Passport number": DATE}, {"Passport number": "2026-05-12"})
    )
    parts = result_file(read_result(batch, receipt_url=str), format_)
    again = _uploaded(staff, f"result.{format_}", b"".join(parts))
    assert states(again) == states(batch) == ["attention", "ready"]
    assert row_of(again, 2).values == row_of(batch, 2).values


def test_other_correction_leaves_the_lost_value_an_error(staff: User) -> None:
    batch = _uploaded(staff, "list.xlsx", _excel({"Passport number": ERROR}))
    row = row_of(batch, 2)
    correct_row(batch, row, {**row.values, "first_name": "Zoe"}, actor=acting(staff))
    assert states(batch) == ["attention"]


def test_same_values_of_a_csv_file_are_errors_too(staff: User) -> None:
    lost = ("1.23E+15", "#N/A", "=A1", "=…", "########")
    lines = [f"{_name(number)},Clean,{text}" for number, text in enumerate(lost)]
    content = "\n".join(["First name,Last name,Passport number", *lines]).encode()
    batch = _uploaded(staff, "list.csv", content)
    for number in range(2, len(lost) + 2):
        assert [error.field for error in findings(batch, number).errors] == ["passport_number"]


@pytest.mark.parametrize("lost", ["=…", "#EXAMPLE", code_from_date("2026-05-12"), "1.23E+11", "#REF!"])
def test_lost_value_that_shares_a_row_of_the_form_is_an_error(lost: str) -> None:
    shared = {"phone_numbers-0-value": f"+353851234567; {lost}; +353851234568"}
    [problem] = problems_of(shared)
    assert problem.field == "phone_numbers-0-value"
