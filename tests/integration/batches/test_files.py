"""The template, and the result file: the uploaded rows at their places with state, reason and receipt."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.batches.checking.check import recheck
from apps.batches.checking.findings import Findings, RowError, RowWarning
from apps.batches.columns.matching import Choice, propose
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.files.result import read_result, record_downloaded, result_file
from apps.batches.models import Batch, BatchRow, OwnState, RowState, SourceKind
from apps.batches.reading.read import read_file
from apps.batches.reading.table import Table, TableRow
from apps.batches.storing.upload import create_batch
from apps.consumers import labels
from apps.consumers.models import Outcome, ShownKey, Submission
from apps.consumers.recording import key_of
from apps.core import clock, personal_data
from apps.core.export.formats import Format
from sandbox.server.sandbox_server import SandboxServer
from tests.support import personal_rows
from tests.support.batch_pages import at
from tests.support.batch_rows import batch_of, sent_row
from tests.support.batch_sending import checked_batch, people
from tests.support.entries import clean
from tests.support.history_rows import bare
from tests.support.people import acting, events

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
HEADERS = ("First name", "Last name", "Phone")
TARGETS = ("first_name", "last_name", "phone_numbers")
OWN = ("State", "Reference", "Reason", "Receipt")
pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def _url(public_id: uuid.UUID) -> str:
    return f"https://portal.example/submissions/{public_id}/"


def _table(*rows: tuple[int, tuple[str, ...]], source: SourceKind = SourceKind.CSV) -> Table:
    return Table(source, tuple(TableRow(number, cells) for number, cells in rows))


def _batch(person: User, table: Table, choice: Choice, *, replaces: Batch | None = None) -> Batch:
    return create_batch(
        table,
        choice,
        providers=(),
        order_ref=ORDER,
        order_number="ORD-7",
        actor=acting(person),
        replaces=replaces,
    )


def _people(person: User) -> Batch:
    # Row 1 is blank, the headers are in row 2, and row 4 is blank.
    table = _table(
        (2, HEADERS),
        (3, ("Ada", "=1+2", "+44 20 7946 0018")),
        (5, ("Wim", "'t Hooft", "007")),
        (6, ("Émilie", "du\nChâtelet", "1; 2")),
    )
    return _batch(person, table, Choice(True, TARGETS))


def _content(batch: Batch, format_: Format) -> bytes:
    return b"".join(result_file(read_result(batch, receipt_url=_url), format_))


def _csv(batch: Batch) -> list[list[str]]:
    text = _content(batch, Format.CSV).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def _excel(batch: Batch) -> list[list[str]]:
    book = openpyxl.load_workbook(io.BytesIO(_content(batch, Format.XLSX)))
    [sheet] = book.worksheets
    return [["" if one is None else str(one) for one in row] for row in sheet.iter_rows(values_only=True)]


def _as_table(lines: Sequence[Sequence[str]]) -> Table:
    width = max(map(len, lines))
    filled = [
        (number, (*line, *[""] * (width - len(line))))
        for number, line in enumerate(lines, 1)
        if any(cell.strip() for cell in line)
    ]
    return _table(*filled)


def _set(batch: Batch, number: int, **columns: object) -> BatchRow:
    row = batch.rows.get(number=number)
    for name, value in columns.items():
        setattr(row, name, value)
    row.save()
    return row


def _found(row: BatchRow, findings: Findings) -> bytes:
    return personal_data.encrypted(row, "encrypted_findings", findings.to_json())


def test_each_row_is_at_the_place_of_its_upload(staff: User) -> None:
    batch = _people(staff)
    for lines in (_excel(batch), _csv(batch)):
        assert [any(line) for line in lines] == [False, True, True, False, True, True]
        assert tuple(lines[1]) == (*HEADERS, *OWN)
        assert tuple(lines[4][3:]) == ("Unchecked", "", "", "")
        assert {len(line) for line in lines} == {7}
    assert _excel(batch)[2][:3] == ["Ada", "=1+2", "+44 20 7946 0018"]
    assert _csv(batch)[2][:3] == ["Ada", "'=1+2", "'+44 20 7946 0018"]
    assert _csv(batch)[4][:3] == ["Wim", "''t Hooft", "007"]


def test_blank_lines_of_a_person_far_down_are_written_in_pieces(staff: User) -> None:
    last = 1_048_576
    batch = _batch(staff, _table((2, HEADERS), (last, ("Ada", "Lovelace", ""))), Choice(True, TARGETS))
    lines = longest = 0
    for part in result_file(read_result(batch, receipt_url=_url), Format.CSV):
        lines += part.count(b"\n")
        longest = max(longest, len(part))
    assert lines == last
    assert longest < 20_000


def test_texts_in_excel_are_never_formulas_or_numbers(staff: User) -> None:
    book = openpyxl.load_workbook(io.BytesIO(_content(_people(staff), Format.XLSX)))
    sheet = book.worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} <= {
        "s",
        "inlineStr",
    }
    assert sheet["C5"].value == "007"
    assert sheet.freeze_panes == "A3"


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("format_", "separator"),
    [(Format.XLSX, ""), (Format.CSV, ""), (Format.CSV, ";"), (Format.CSV, "\t")],
)
def test_the_portal_reads_its_result_file_as_it_was_uploaded(
    staff: User, format_: Format, separator: str
) -> None:
    """``separator``: with which a spreadsheet has saved the file again."""
    batch = _people(staff)
    _send(staff, batch, 3, Outcome.CREATED)
    content = _content(batch, format_)
    if separator:
        saved = io.StringIO()
        csv.writer(saved, delimiter=separator).writerows(_csv(batch))
        content = saved.getvalue().encode()
    table = read_file(f"result.{format_.extension}", content)
    assert [row.number for row in table.rows] == [2, 3, 5, 6]
    proposal = propose(table, providers=(), remembered=lambda _headers: None)
    assert (proposal.headers, proposal.targets, proposal.questions) == (HEADERS, TARGETS, ())
    again = _batch(staff, table, proposal.choice, replaces=batch)
    uploaded = {row.number: (row.cells, row.values) for row in batch.rows.all()}
    assert {row.number: (row.cells, row.values) for row in again.rows.all()} == uploaded


def test_a_name_that_begins_with_an_apostrophe_keeps_it_in_a_file_of_another_program() -> None:
    table = read_file("people.csv", b"First name,Last name\nWim,'t Hooft\n")
    assert table.rows[1].cells == ("Wim", "'t Hooft")


@pytest.mark.parametrize("kind", ["excel", "csv"])
def test_a_corrected_result_has_the_columns_and_row_numbers_of_the_upload(staff: User, kind: str) -> None:
    batch = _people(staff)
    lines = _excel(batch) if kind == "excel" else _csv(batch)
    lines[4][2] = "0791 112 3456"
    table = _as_table(lines)
    proposal = propose(table, providers=(), remembered=lambda _headers: None)
    assert (proposal.headers, proposal.targets, proposal.questions) == (HEADERS, TARGETS, ())
    again = _batch(staff, table, proposal.choice, replaces=batch)
    cells = {row.number: row.cells for row in again.rows.order_by("number")}
    expected = {row.number: row.cells for row in batch.rows.all()} | {5: ("Wim", "'t Hooft", "0791 112 3456")}
    assert cells == expected
    assert again.header_row == 2
    uploaded = events("batch.uploaded")[-1]
    assert uploaded.details["replaces"] == str(batch.public_id)


def test_a_result_without_headers_is_recognised_by_its_states_and_receipts(staff: User) -> None:
    table = _table((1, ("Ada", "Lovelace")), (3, ("Alan", "Turing")))
    batch = _batch(staff, table, Choice(False, ("first_name", "last_name")))
    _send(staff, batch, 3, Outcome.CREATED, consumer_ref="c-3")
    for lines in (_excel(batch), _csv(batch)):
        assert lines[0][:3] == ["Ada", "Lovelace", "Unchecked"]
        proposal = propose(_as_table(lines), providers=(), remembered=lambda _headers: None)
        assert len(proposal.targets) == 2
        again = create_batch(
            _as_table(lines),
            Choice(False, ("first_name", "last_name")),
            providers=(),
            order_ref=ORDER,
            order_number="",
            actor=acting(staff),
        )
        assert {row.number: row.cells for row in again.rows.all()} == {
            1: ("Ada", "Lovelace"),
            3: ("Alan", "Turing"),
        }


@pytest.mark.sql("new")
@pytest.mark.parametrize("format_", [Format.XLSX, Format.CSV])
@pytest.mark.parametrize("has_errors", [True, False])
def test_a_result_without_headers_is_recognised_before_anything_is_sent(
    staff: User, format_: Format, has_errors: bool
) -> None:
    batch = _batch(
        staff,
        _table((1, ("Ada", "Lovelace")), (2, ("Alan", "Turing"))),
        Choice(False, ("first_name", "last_name")),
    )
    if has_errors:
        findings = Findings(errors=(RowError("last_name", "Enter the last name"),))
        row = batch.rows.get(number=1)
        _set(batch, 1, state=OwnState.NEEDS_ATTENTION, encrypted_findings=_found(row, findings))
    read = read_file(f"result.{format_.value}", _content(batch, format_))
    assert [row.cells for row in without_own_columns(read).rows] == [("Ada", "Lovelace"), ("Alan", "Turing")]


def _send(person: User, batch: Batch, number: int, outcome: Outcome, **columns: object) -> Submission:
    row = batch.rows.get(number=number)
    place = {"token": row.token, "batch": batch.public_id, "batch_row": number}
    submission = bare(person, outcome, clock.now(), order_ref=ORDER, **place, **columns)
    submission.save(force_insert=True)
    return submission


def test_sent_rows_have_their_outcome_reference_reason_and_receipt(staff: User) -> None:
    batch = _people(staff)
    created = _send(staff, batch, 3, Outcome.CREATED, consumer_ref="c-3")
    rejected = _send(staff, batch, 5, Outcome.REJECTED, error_code="invalid")
    unknown = _send(staff, batch, 6, Outcome.UNKNOWN)
    for lines in (_excel(batch), _csv(batch)):
        assert lines[2][3:] == ["Created", "c-3", "", _url(created.public_id)]
        assert (lines[4][3], lines[4][4], lines[4][6]) == ("Rejected", "", _url(rejected.public_id))
        assert lines[4][5] == labels.error_text("invalid")
        assert (lines[5][3], lines[5][6]) == ("Unknown", _url(unknown.public_id))
        assert lines[5][5] == labels.error_text("read_timeout")


@pytest.mark.sql("new")
def test_a_message_of_the_vendor_is_in_the_reason(staff: User) -> None:
    batch = _people(staff)
    submission = _send(staff, batch, 3, Outcome.REJECTED)
    message = personal_data.encrypted(submission, "encrypted_vendor_message", "phoneNumbers: not +a phone")
    Submission.objects.filter(pk=submission.pk).update(encrypted_vendor_message=message)
    assert _excel(batch)[2][5].endswith("; phoneNumbers: not +a phone")


def test_a_row_that_is_sent_again_shows_its_new_submission(staff: User) -> None:
    batch = _people(staff)
    _send(staff, batch, 3, Outcome.NOT_SENT)
    _set(batch, 3, token=uuid.uuid4(), state=OwnState.READY)
    assert _csv(batch)[2][3:] == ["Ready", "", "", ""]
    created = _send(staff, batch, 3, Outcome.CREATED, consumer_ref="c-9")
    assert _csv(batch)[2][3:] == ["Created", "c-9", "", _url(created.public_id)]


@pytest.mark.sql("new")
def test_a_row_that_was_already_sent_names_the_earlier_submission(staff: User, supervisor: User) -> None:
    batch = _people(staff)
    earlier = bare(supervisor, Outcome.CREATED, clock.now(), order_ref=ORDER, consumer_ref="c-1")
    earlier.save(force_insert=True)
    _set(batch, 3, state=OwnState.ALREADY_SENT, earlier=earlier.public_id)
    state, reference, reason, receipt = _excel(batch)[2][3:]
    assert (state, reference, receipt) == ("Already sent", "c-1", _url(earlier.public_id))
    assert reason == f"{supervisor.name} has sent the same consumer already: Created"


@pytest.mark.sql("new")
def test_a_row_whose_number_is_unknown_says_that_the_earlier_row_has_other_details(staff: User) -> None:
    old = batch_of(staff, [clean()])
    earlier = sent_row(old, 2, Outcome.UNKNOWN, clean())
    batch = batch_of(staff, [clean(last_name="Other")], replaces=old)
    recheck(batch)
    [row] = read_result(batch, receipt_url=_url).rows
    reason = f"{staff.name} has sent this row of the earlier list, with other details: Unknown"
    assert row.own == ("Already sent", "", reason, _url(earlier.public_id))


def test_before_rows_are_sent_the_reason_has_errors_and_unconfirmed_warnings(staff: User) -> None:
    batch = _people(staff)
    row = batch.rows.get(number=5)
    findings = Findings(
        errors=(RowError("last_name", "Enter the last name"), RowError("", "This row cannot be read")),
        warnings=(
            RowWarning("phone:0", "phone", "phone_numbers-1-value", "007 is no phone number"),
            RowWarning("similar", "similar", "", "A similar consumer is on this order"),
        ),
    )
    _set(
        batch,
        5,
        state=OwnState.NEEDS_ATTENTION,
        encrypted_findings=_found(row, findings),
        accepted=["similar"],
    )
    for lines in (_excel(batch), _csv(batch)):
        assert lines[4][3:] == [
            "Needs attention",
            "",
            "Last name: Enter the last name; This row cannot be read;"
            " Phone numbers 2: 007 is no phone number",
            "",
        ]


def test_a_row_that_was_corrected_in_the_portal_says_so(staff: User) -> None:
    batch = _people(staff)
    row = batch.rows.get(number=5)
    assert row.values is not None
    _set(batch, 5, values={**row.values, "last_name": "Hooft"})
    assert _csv(batch)[4][5] == "Corrected in the portal: the columns have what was uploaded"
    assert _csv(batch)[2][5] == ""


def test_a_row_without_readable_cells_says_so_and_loses_no_other_row(staff: User) -> None:
    batch = _people(staff)
    _set(batch, 3, encrypted_cells=b"no ciphertext")
    erased = batch.rows.get(number=5)
    personal_rows.erase(erased)
    lines = _excel(batch)
    assert lines[2] == ["", "", "", "Unchecked", "", "The uploaded row cannot be read", ""]
    assert lines[4] == ["", "", "", "Unchecked", "", "", ""]
    assert lines[5][0] == "Émilie"


def test_every_state_has_its_label(staff: User) -> None:
    assert set(RowState.values) >= set(OwnState.values) | set(Outcome.values)


def test_a_download_is_recorded_without_anything_of_the_rows(staff: User) -> None:
    batch = _people(staff)
    record_downloaded(read_result(batch, receipt_url=_url), actor=acting(staff))
    [event] = events("batch.downloaded")
    assert event.details == {"batch": str(batch.public_id), "rows": 3}
    assert event.order_ref == ORDER


def test_the_number_of_statements_does_not_grow_with_the_rows(
    staff: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rows = tuple((number, ("Ada", f"Lovelace {number}", "")) for number in range(2, 200))
    batch = _batch(staff, _table((1, HEADERS), *rows), Choice(True, TARGETS))
    _send(staff, batch, 2, Outcome.CREATED)
    with django_assert_num_queries(2):  # no row names an earlier submission
        assert len(_csv(batch)) == 199


@pytest.mark.parametrize("format_", ["xlsx", "csv"])
def test_result_is_downloaded_and_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer, format_: str
) -> None:
    batch = checked_batch(staff, people(1))
    answer: Any = as_staff.get(at("result", batch), {"format": format_})
    assert answer["Content-Disposition"].endswith(f'.{format_}"')
    assert b"".join(answer.streaming_content)
    [event] = events("batch.downloaded")
    assert ShownKey.objects.filter(key=key_of("batch", batch.public_id), seq=event.seq).exists()
    for other in ("exe", "jsonl"):
        assert as_staff.get(at("result", batch), {"format": other}).status_code == 400


@pytest.mark.parametrize("format_", ["xlsx", "csv"])
def test_template_is_downloaded_and_read_back(as_staff: Client, sandbox: SandboxServer, format_: str) -> None:
    answer = as_staff.get(reverse("batches:template"), {"format": format_})
    assert (answer.status_code, bool(answer.content)) == (200, True)
    for other in ("exe", "jsonl"):
        assert as_staff.get(reverse("batches:template"), {"format": other}).status_code == 400
