"""A table is matched, stored with encrypted rows and remembered for equal headers. A page asks the rest."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.events import Event
from apps.batches import selectors
from apps.batches.changing.decisions import accept_warnings
from apps.batches.changing.rows import correct_row, leave_out
from apps.batches.changing.shown import digest_of_rows
from apps.batches.checking import check
from apps.batches.checking.check import check_batch, check_rows, recheck
from apps.batches.checking.evaluation import evaluate
from apps.batches.checking.findings import Findings
from apps.batches.columns.matching import Choice, QuestionCode, open_questions, propose
from apps.batches.columns.remembering import remembered_choice
from apps.batches.files.result import read_result
from apps.batches.labels import warning_label
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault, TableRow
from apps.batches.sending.control import stop
from apps.batches.storing import columns, upload
from apps.batches.storing.columns import choose_columns
from apps.batches.storing.contents import ColumnsNotStored, TooManyPeople
from apps.batches.storing.new_list import make_new_list
from apps.batches.storing.stored_table import table_of
from apps.batches.storing.upload import create_batch
from apps.cdp.factory import get_client
from apps.consumers.selectors import providers
from apps.core import clock, personal_data
from apps.core.encryption import NotReadableError
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import ADA, BEN, HEADERS, TABLE, at, only_batch, paste, summary_of, text
from tests.support.batch_rows import findings, row_of, shown_warnings, states, warning_codes
from tests.support.entries import on_page
from tests.support.people import acting, events

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
TARGETS = ("first_name", "last_name", "date_of_birth")
pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def _table(*rows: tuple[str, ...], first: int = 1) -> Table:
    numbered = tuple(TableRow(number, cells) for number, cells in enumerate(rows, first))
    return Table(SourceKind.CSV, numbered, (Finding(FindingCode.ENCODING_GUESSED, 0, "cp1252"),))


def _list() -> Table:
    return _table(
        ("Vorname", "Nachname", "Geburtsdatum"),
        ("Ada", "Lovelace", "13.04.1991"),
        ("Alan", "Turing", "03.04.1991"),
    )


def _stored(person: User, table: Table, choice: Choice | None, **changes: object) -> Batch:
    details = {
        "providers": providers(),
        "order_ref": ORDER,
        "order_number": "ORD-7",
        "actor": acting(person),
    } | changes
    return create_batch(table, choice, **details)  # type: ignore[arg-type]


def test_a_table_with_known_headers_is_stored_with_the_values_of_the_form(staff: User) -> None:
    proposal = propose(_list(), providers=(), remembered=lambda _headers: None)
    assert proposal.questions == ()
    batch = _stored(staff, _list(), proposal.choice)
    batch.refresh_from_db()
    assert (batch.state, batch.headers, batch.header_row) == (
        BatchState.CHECKED,
        ("Vorname", "Nachname", "Geburtsdatum"),
        1,
    )
    assert (batch.targets, batch.date_order) == (list(TARGETS), "day-month")
    rows = list(batch.rows.order_by("number"))
    assert [row.number for row in rows] == [2, 3]
    assert rows[1].cells == ("Alan", "Turing", "03.04.1991")
    assert rows[1].values is not None
    assert rows[1].values["date_of_birth"] == "1991-04-03"
    assert rows[1].values["order_ref"] == ORDER
    [event] = events("batch.uploaded")
    assert event.details == {"batch": str(batch.public_id), "rows": 2, "source": "csv"}
    assert batch.findings == [{"code": "encoding_guessed", "count": 0, "detail": "cp1252"}]


@pytest.mark.parametrize("column", ["encrypted_headers", "encrypted_cells"])
def test_columns_of_rows_that_cannot_be_read_are_not_chosen(staff: User, column: str) -> None:
    batch = _stored(staff, _list(), None)
    if column == "encrypted_headers":
        Batch.objects.update(encrypted_headers=b"of another key")
    else:
        batch.rows.filter(number=3).update(encrypted_cells=b"of another key")
    with pytest.raises(NotReadableError):
        choose_columns(batch, Choice(True, TARGETS, "day-month"), actor=acting(staff))
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count()) == (BatchState.MATCHING, 3)


def test_without_a_choice_all_rows_are_stored_until_the_columns_are_chosen(staff: User) -> None:
    table = _table(("Who", "Whose"), ("Ada", "Lovelace"), ("Alan", "Turing"))
    batch = _stored(staff, table, None)
    assert batch.state == BatchState.MATCHING
    assert [row.cells for row in table_of(batch).rows] == [row.cells for row in table.rows]
    asked = propose(table_of(batch), providers=(), remembered=lambda _headers: None).questions
    assert [question.code for question in asked] == [
        QuestionCode.HEADERS,
        QuestionCode.FIELD,
        QuestionCode.FIELD,
    ]
    batch = choose_columns(batch, Choice(True, ("first_name", "last_name")), actor=acting(staff))
    assert batch.state == BatchState.CHECKED
    assert [row.number for row in batch.rows.order_by("number")] == [2, 3]
    values = [(row.values or {})["first_name"] for row in batch.rows.order_by("number")]
    assert values == ["Ada", "Alan"]
    assert [event.details["rows"] for event in events("batch.columns_chosen")] == [2]
    with pytest.raises(ColumnsNotStored):
        choose_columns(batch, Choice(True, ("last_name", "first_name")), actor=acting(staff))


@pytest.mark.sql("new")
def test_a_choice_that_leaves_the_order_of_dates_open_is_not_stored(staff: User) -> None:
    table = _table(("First name", "Last name", "DOB"), ("Ada", "Lovelace", "03/04/1991"))
    with pytest.raises(ColumnsNotStored) as caught:
        _stored(staff, table, Choice(True, TARGETS))
    assert [question.code for question in caught.value.questions] == [QuestionCode.DATE_ORDER]
    assert not Batch.objects.exists()
    assert not BatchRow.objects.exists()
    assert events("batch.uploaded") == []


def test_the_choice_is_remembered_for_equal_headers_of_the_same_person(staff: User, supervisor: User) -> None:
    table = _table(("Who", "Whose"), ("Ada", "Lovelace"))
    _stored(staff, table, Choice(True, ("first_name", "last_name")))
    assert remembered_choice(staff.pk, ("Who", "Whose")) == Choice(True, ("first_name", "last_name"))
    assert remembered_choice(staff.pk, ("Whose", "Who")) is None
    assert remembered_choice(supervisor.pk, ("Who", "Whose")) is None
    _stored(staff, table, Choice(True, ("last_name", "first_name")))
    assert remembered_choice(staff.pk, ("Who", "Whose")) == Choice(True, ("last_name", "first_name"))


def test_numbers_that_a_spreadsheet_changed_other_orders_and_unread_dates_are_errors_of_their_rows(
    staff: User, settings: Settings
) -> None:
    settings.DATE_ORDER = "month-day"  # of the form; the list has the other one
    table = _table(
        ("First name", "Last name", "Phone", "Passport", "Order", "DOB"),
        ("Ada", "Lovelace", "+44 20 7946 0018", "P1", "ORD-7", "13/04/1991"),
        ("Alan", "Turing", "4.42079E+11", "123456789.0", ORDER.upper(), "03/04/1991"),
        ("Grace", "Hopper", "", "", "ORD-8", "04/13/1991"),
        ("Wim", "Kan", "", "", "", ""),
    )
    headers = ("first_name", "last_name", "phone_numbers", "passport_number", "order_ref", "date_of_birth")
    batch = _stored(staff, table, Choice(True, headers, "day-month"))
    check_rows(batch, list(batch.rows.all()))
    found = {
        row.number: [
            (error.field, error.text)
            for error in Findings.from_json(personal_data.text(row, "encrypted_findings")).errors
        ]
        for row in batch.rows.all()
    }
    assert [field for field, _text in found[3]] == ["passport_number", "phone_numbers-0-value"]
    assert "digits are lost" in found[3][1][1]
    assert [field for field, _text in found[4]] == ["order_ref", "date_of_birth"]
    assert found[2] == found[5] == []
    states = {row.number: row.state for row in batch.rows.all()}
    assert states[3] == states[4] == OwnState.NEEDS_ATTENTION


@pytest.mark.sql("new")
def test_nothing_is_stored_if_the_database_fails_at_the_event(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_event: Event) -> NoReturn:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(upload, "record", lost)
    with pytest.raises(OperationalError):
        _stored(staff, _list(), Choice(True, TARGETS))
    assert not Batch.objects.exists()
    assert not BatchRow.objects.exists()


@pytest.mark.sql("new")
def test_a_choice_is_stored_as_a_whole_or_not_at_all(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = _stored(staff, _list(), None)

    def lost(_event: Event) -> NoReturn:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(columns, "record", lost)
    with pytest.raises(OperationalError):
        choose_columns(batch, Choice(True, TARGETS), actor=acting(staff))
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count(), batch.targets) == (BatchState.MATCHING, 3, [])


def test_a_table_of_headers_alone_is_refused(staff: User) -> None:
    with pytest.raises(NotReadable, match=TableFault.EMPTY):
        _stored(staff, _table(("First name", "Last name")), Choice(True, ("first_name", "last_name")))


def test_headers_alone_may_be_one_row_more_than_a_list_has_people(staff: User, settings: Settings) -> None:
    settings.BATCH_MAX_ROWS = 1
    table = _table(("First name", "Last name"), ("Ada", "Lovelace"))
    targets = ("first_name", "last_name")
    with pytest.raises(TooManyPeople) as refused:
        _stored(staff, table, Choice(False, targets))
    assert (refused.value.fault, refused.value.count) == (TableFault.TOO_MANY_ROWS, 2)
    assert not Batch.objects.exists()
    assert _stored(staff, table, Choice(True, targets)).rows.count() == 1


def test_rows_above_the_headers_are_told_and_not_stored(staff: User) -> None:
    table = _table(
        ("Tour to Cork", "", ""), ("First name", "Last name", "DOB"), ("Ada", "Lovelace", ""), first=3
    )
    for choice in (Choice(True, TARGETS), None):
        batch = _stored(staff, table, choice)
        if choice is None:
            batch = choose_columns(batch, Choice(True, TARGETS), actor=acting(staff))
        batch.refresh_from_db()
        assert (batch.header_row, [row.number for row in batch.rows.all()]) == (4, [5])
        assert batch.findings[-1] == {"code": "rows_above_headers", "count": 1, "detail": ""}


def test_headers_in_two_rows_are_the_same_before_and_after_the_columns_are_chosen(staff: User) -> None:
    rows = (
        ("Name", "", "DOB", "Passport"),
        ("First", "Whose", "DOB", "Passport"),
        ("Ada", "Lovelace", "1991-04-13", "P1"),
    )
    table = replace(_table(*rows), findings=(Finding(FindingCode.MERGED_CELLS, 1),))
    batch = _stored(staff, table, None)
    assert events("batch.uploaded")[-1].details["rows"] == 1
    assert table_of(batch).findings == table.findings
    batch = choose_columns(batch, Choice(True, (*TARGETS, "passport_number")), actor=acting(staff))
    assert batch.headers == ("First", "Whose", "DOB", "Passport")
    assert [row.number for row in batch.rows.all()] == [3]


def test_dates_that_excel_may_have_exchanged_are_told(staff: User) -> None:
    rows = (("First name", "Last name", "DOB"), ("Ada", "L", "1991-03-04"), ("Alan", "T", "13/04/1991"))
    numbered = tuple(TableRow(number, cells) for number, cells in enumerate(rows, 1))
    found = {}
    for source in (SourceKind.XLSX, SourceKind.CSV):
        batch = _stored(staff, Table(source, numbered), Choice(True, TARGETS))
        found[source] = [(one["code"], one["count"]) for one in batch.findings]
    assert found == {SourceKind.XLSX: [("dates_may_be_exchanged", 1)], SourceKind.CSV: []}


def _dated(person: User, *dates: str) -> Batch:
    """A checked list of an Excel file with these dates of birth, from row 2 on."""
    people = (("Ada", "Lovelace"), ("Grace", "Hopper"), ("Wim", "Kan"), ("Noor", "Inayat"))
    rows = [("First name", "Last name", "DOB", "E-mail")]
    rows += [(*one, at, f"{one[0]}@example.com") for one, at in zip(people, dates, strict=False)]
    table = Table(SourceKind.XLSX, tuple(TableRow(number, cells) for number, cells in enumerate(rows, 1)))
    batch = _stored(person, table, Choice(True, (*TARGETS, "emails"), "day-month"))
    check_rows(batch, list(batch.rows.all()))
    return batch


@pytest.mark.sql("new")
def test_each_date_that_excel_may_have_exchanged_is_a_warning_of_its_row(staff: User) -> None:
    batch = _dated(staff, "1991-03-04", "13/04/1982", "", "1975-12-01")
    assert states(batch) == ["attention", "ready", "ready", "attention"]
    [warning] = findings(batch, 2).warnings
    assert (warning.code, warning.field) == ("exchanged_date", "date_of_birth")
    assert warning_codes(batch, 5) == ["exchanged_date"]
    assert warning_label("exchanged_date").startswith("Day and month")
    accept_warnings(batch, ["exchanged_date"], "", shown=shown_warnings(batch), actor=acting(staff))
    check_rows(batch, list(batch.rows.all()))
    assert states(batch) == ["ready"] * 4


def test_dates_of_a_program_with_the_same_order_are_no_warnings(staff: User) -> None:
    assert states(_dated(staff, "1991-03-13", "13/04/1982")) == ["ready", "ready"]


def test_a_corrected_date_is_no_longer_one_that_excel_may_have_exchanged(staff: User) -> None:
    batch = _dated(staff, "1991-03-04", "13/04/1982")
    row = batch.rows.get(number=2)
    correct_row(batch, row, {**(row.values or {}), "date_of_birth": "1991-04-03"}, actor=acting(staff))
    assert states(batch) == ["ready", "ready"]


@pytest.mark.sql("new")
@pytest.mark.parametrize("during_the_check", [False, True])
def test_check_that_began_before_the_columns_were_changed_uses_the_new_ones(
    during_the_check: bool, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _dated(staff, "1991-03-04", "13/04/1982")

    def choose(*targets: str) -> Batch:
        shown = digest_of_rows(batch.rows.order_by("number"))
        return choose_columns(batch, Choice(True, targets, "day-month"), actor=acting(staff), shown=shown)

    old = choose(*TARGETS[:2], "", "emails")
    changes = [(*TARGETS, "emails")]

    def change_columns() -> None:
        check_rows(choose(*changes.pop()), list(batch.rows.all()))
        assert states(batch) == ["attention", "ready"]

    def evaluate_late(*given: Any) -> object:
        if changes:
            change_columns()
        return evaluate(*given)

    if during_the_check:
        monkeypatch.setattr(check, "evaluate", evaluate_late)  # as it is imported there
    else:
        change_columns()
    recheck(old)
    assert (states(batch), warning_codes(batch, 2)) == (["attention", "ready"], ["exchanged_date"])


def test_dates_that_excel_may_have_exchanged_are_warnings_in_a_new_list_of_what_failed(staff: User) -> None:
    batch = _dated(staff, "1991-03-04", "13/04/1982", "1975-12-01", "1982-05-06")
    leave_out(batch, [5], actor=acting(staff))
    accept_warnings(batch, ["exchanged_date"], "", shown=shown_warnings(batch), actor=acting(staff))
    stop(batch, actor=acting(staff))
    again = make_new_list(batch, actor=acting(staff))
    check_rows(again, list(again.rows.all()))
    assert states(again) == ["attention", "ready", "attention"]
    assert warning_codes(again, 2) == warning_codes(again, 4) == ["exchanged_date"]
    finding = {"code": "dates_may_be_exchanged", "count": 2, "detail": "", "rows": [2, 4]}
    assert Batch.objects.get(pk=again.pk).findings == [finding]


def test_new_list_without_such_dates_says_nothing_about_them(staff: User) -> None:
    batch = _dated(staff, "1991-03-04", "13/04/1982")
    leave_out(batch, [2], actor=acting(staff))
    stop(batch, actor=acting(staff))
    again = make_new_list(batch, actor=acting(staff))
    assert (again.findings, [row.number for row in again.rows.all()]) == ([], [3])


def _are_marked_as_corrected(batch: Batch) -> bool:
    reasons = [row.own[2] for row in read_result(batch, receipt_url=str).rows]
    return any("Corrected in the portal" in reason for reason in reasons)


def test_a_spanish_list_says_nobody_is_male_who_may_be_a_woman(staff: User) -> None:
    table = _table(("Nombre", "Apellidos", "Sexo"), ("Ada", "Lovelace", "M"), ("Alan", "Turing", "m"))
    fields = ("first_name", "last_name", "gender")
    batch = _stored(staff, table, Choice(True, fields))
    other = choose_columns(_stored(staff, table, None), Choice(True, fields), actor=acting(staff))
    for one in (batch, other):
        assert [(row.values or {})["gender"] for row in one.rows.order_by("number")] == ["M", "m"]
        check_rows(one, list(one.rows.all()))
        assert [error.field for error in findings(one, 2).errors] == ["gender"]
        assert not _are_marked_as_corrected(one)


def test_letters_of_a_list_in_a_language_of_their_own_are_read(staff: User) -> None:
    table = _table(("Nombre", "Apellidos", "Sexo"), ("Ada", "Lovelace", "M"), ("Alan", "Turing", "H"))
    batch = _stored(staff, table, Choice(True, ("first_name", "last_name", "gender")))
    assert [(row.values or {})["gender"] for row in batch.rows.order_by("number")] == ["female", "male"]
    assert not _are_marked_as_corrected(batch)


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("header", "cell", "other_cell", "value"),
    [("Sexo", "M", "H", "female"), ("Title", "Fr.", "Herr", "Fr.")],
)
def test_rows_again_are_not_corrected_rows_because_the_other_rows_are_not_among_them(
    staff: User, header: str, cell: str, other_cell: str, value: str
) -> None:
    table = _table(("Nombre", "Apellidos", header), ("Ada", "Lovelace", cell), ("Alan", "Turing", other_cell))
    target = "gender" if header == "Sexo" else "title"
    first = _stored(staff, table, Choice(True, ("first_name", "last_name", target)))
    leave_out(first, [3], actor=acting(staff))
    again = first
    for _ in range(2):
        stop(again, actor=acting(staff))
        again = make_new_list(again, actor=acting(staff))
        [row] = again.rows.all()
        assert (row.values or {})[target] == value
        assert not _are_marked_as_corrected(again)
    Batch.objects.filter(pk=first.pk).update(erased_at=clock.now())
    assert not _are_marked_as_corrected(Batch.objects.get(pk=again.pk))
    correct_row(again, row_of(again, 2), {**(row.values or {}), "first_name": "Eda"}, actor=acting(staff))
    assert _are_marked_as_corrected(Batch.objects.get(pk=again.pk))
    Batch.objects.filter(pk=first.pk).update(erased_at=None)
    assert _are_marked_as_corrected(Batch.objects.get(pk=again.pk))


def test_nothing_of_a_list_is_stored_in_the_clear(staff: User) -> None:
    batch = _stored(staff, _list(), Choice(True, TARGETS))
    for row in batch.rows.all():
        assert b"Turing" not in bytes(row.encrypted_cells) + bytes(row.encrypted_values)
    assert b"Vorname" not in bytes(batch.encrypted_headers)


def test_a_column_that_was_blank_last_time_is_not_left_out_silently(staff: User) -> None:
    headers = ("Who", "Whose", "Room", "Code", "Style")
    names = ("first_name", "last_name")
    blank = _table(headers, ("Ada", "Lovelace", "12", "", " "), ("Alan", "Turing", "", "", ""))
    _stored(staff, blank, Choice(True, (*names, "", "", "")))
    remembered = partial(remembered_choice, staff.pk)
    again = propose(blank, providers=(), remembered=remembered)
    assert (again.targets, again.questions) == ((*names, "", "", ""), ())
    filled = _table(headers, ("Grace", "Hopper", "14", "X1", "Ms"))
    proposal = propose(filled, providers=(), remembered=remembered)
    assert proposal.targets == (*names, "", "", "title")
    assert [(one.code, one.column) for one in proposal.questions] == [(QuestionCode.FIELD, 3)]
    assert not open_questions(filled, proposal.choice, providers=())


@pytest.mark.sql("new")
def test_a_known_header_that_was_left_out_while_it_was_blank_is_proposed_again(staff: User) -> None:
    headers = ("First name", "Last name", "Surname")
    _stored(staff, _table(headers, ("Ada", "", "Lovelace")), Choice(True, ("first_name", "", "last_name")))
    remembered = partial(remembered_choice, staff.pk)
    proposal = propose(_table(headers, ("Ada", "Byron", "Lovelace")), providers=(), remembered=remembered)
    assert proposal.targets == ("first_name", "", "last_name")
    assert [(one.code, one.column) for one in proposal.questions] == [(QuestionCode.REPEATED, 1)]


def test_the_remembered_choice_finds_headers_that_no_list_of_words_has(staff: User) -> None:
    table = _table(("Who", "Whose"), ("Ada", "Lovelace"))
    _stored(staff, table, Choice(True, ("first_name", "last_name")))
    again = propose(table, providers=(), remembered=partial(remembered_choice, staff.pk))
    assert again.choice == Choice(True, ("first_name", "last_name"))
    assert again.questions == ()


def test_a_list_whose_columns_were_not_chosen_yet_is_not_remembered(staff: User) -> None:
    _stored(staff, _table(("Who", "Whose"), ("Ada", "Lovelace")), None)
    assert remembered_choice(staff.pk, ("Who", "Whose")) is None


def test_columns_that_are_not_recognised_are_asked_once(as_staff: Client, sandbox: SandboxServer) -> None:
    table = TABLE.replace("Last name", "Zwxy").replace("First name", "Vuts")
    answer = paste(as_staff, table)
    batch = only_batch()
    assert answer["Location"] == at("columns", batch)
    assert as_staff.get(at("batch", batch))["Location"] == at("columns", batch)
    page = as_staff.get(at("columns", batch))
    assert "To be chosen" in text(page)
    assert "Ada" in text(page)
    answer = as_staff.post(at("columns", batch), {"has_headers": "yes"})
    assert "Choose the field of column 1, or leave it out" in summary_of(answer)
    chosen = {"has_headers": "yes", "column-2": "date_of_birth", "column-3": "emails"}
    twice = as_staff.post(at("columns", batch), {**chosen, "column-0": "last_name", "column-1": "last_name"})
    assert "Another column goes to this field. Leave one of them out" in summary_of(twice)
    nothing = {f"column-{index}": "-" for index in range(4)}
    answer = as_staff.post(at("columns", batch), {"has_headers": "yes", **nothing})
    assert summary_of(answer) == ["Choose the field of at least one column"]
    right = {**chosen, "column-0": "first_name", "column-1": "last_name"}
    answer = as_staff.post(at("columns", batch), right)
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert states(batch) == ["ready", "ready"]
    again = as_staff.post(at("columns", batch), right, follow=True)
    assert "The columns are as before: nothing was changed." in text(again)
    other = as_staff.post(at("columns", batch), {**right, "column-3": "-"})  # from a page of before
    assert (other.status_code, on_page(other)["column-3"]) == (409, "-")
    assert "The list had changed meanwhile. Nothing was done. What you chose is below." in text(other)


def test_list_without_columns_is_not_checked(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, TABLE.replace("Last name", "Zwxy"))
    batch = only_batch()
    answer = as_staff.post(at("check", batch), follow=True)
    assert "had changed meanwhile" in text(answer)
    assert "To be chosen" in text(answer)
    check_batch(batch, client=get_client())
    assert (only_batch().state, set(states(batch))) == (BatchState.MATCHING, {"unchecked"})


@pytest.mark.sql("new")
def test_columns_of_rows_that_cannot_be_decrypted_are_not_stored(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, TABLE.replace("Last name", "Zwxy"))
    batch = only_batch()
    batch.rows.filter(number=3).update(encrypted_cells=b"of another key")
    names = enumerate(("first_name", "last_name", "date_of_birth", "emails"))
    chosen = {"has_headers": "yes", **{f"column-{index}": name for index, name in names}}
    answer = as_staff.post(at("columns", batch), {**chosen, "column-3": "-"})
    assert "Some rows cannot be decrypted" in text(answer)
    assert on_page(answer)["column-3"] == "-"
    assert only_batch().state == BatchState.MATCHING
    batch.rows.update(encrypted_cells=b"of another key")
    assert as_staff.get(at("columns", batch)).status_code == 200


@pytest.mark.sql("new")
def test_the_order_of_dates_is_asked_with_both_readings(as_staff: Client, sandbox: SandboxServer) -> None:
    table = TABLE.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971")
    paste(as_staff, table)
    batch = only_batch()
    page = text(as_staff.get(at("columns", batch)))
    assert "03/04/1990 is 3 April 1990" in page
    assert "03/04/1990 is 4 March 1990" in page
    chosen = {
        "has_headers": "yes",
        **{
            f"column-{at}": name
            for at, name in enumerate(("first_name", "last_name", "date_of_birth", "emails"))
        },
    }
    assert "Choose how the dates are written" in summary_of(as_staff.post(at("columns", batch), chosen))
    answered = {**chosen, "date_order": "month-day", "date_column": "2"}
    assert as_staff.post(at("columns", batch), answered).status_code == 303
    assert selectors.rows_of(batch)[0].values["date_of_birth"] == "1990-03-04"


def date_column_of(answer: Any) -> str:
    """The column whose dates the page asks about."""
    [found] = re.findall(r'name="date_column" value="(\d+)"', answer.content.decode())
    return str(found)


@pytest.mark.parametrize(
    ("other", "asked_again", "expected"),
    [
        (("04/13/1990", "03/04/1971"), False, "1990-04-13"),
        (("03/05/1990", "03/04/1971"), True, "1990-05-03"),
    ],
)
def test_an_answer_about_the_dates_of_one_column_is_no_answer_about_another(
    as_staff: Client, sandbox: SandboxServer, other: tuple[str, str], asked_again: bool, expected: str
) -> None:
    head, ada, ben = (
        TABLE.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971").split("\n")[:3]
    )
    paste(as_staff, f"{head}\tOther\n{ada}\t{other[0]}\n{ben}\t{other[1]}\n")
    batch = only_batch()
    page = as_staff.get(at("columns", batch))
    assert date_column_of(page) == "2"
    fields = ("first_name", "last_name", "-", "emails", "date_of_birth")
    chosen = {"has_headers": "yes", **{f"column-{index}": name for index, name in enumerate(fields)}}
    answer = as_staff.post(at("columns", batch), {**chosen, "date_order": "day-month", "date_column": "2"})
    if asked_again:
        assert summary_of(answer) == ["Choose how the dates are written"]
        assert f"{other[0]} is 3 May 1990" in text(answer)
        assert date_column_of(answer) == "4"
        assert (
            "checked"
            not in answer.content.decode().partition('name="date_order"')[2].partition("</fieldset>")[0]
        )
        answer = as_staff.post(
            at("columns", batch), {**chosen, "date_order": "day-month", "date_column": "4"}
        )
    assert answer.status_code == 303
    assert selectors.rows_of(batch)[0].values["date_of_birth"] == expected


def test_columns_that_are_not_sent_are_named(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, table=f"{HEADERS}\tRoom\t\n{ADA}\t12\tx\n")
    batch = only_batch()
    fields = dict(enumerate(("first_name", "last_name", "date_of_birth", "emails", "-", "-")))
    chosen = {f"column-{index}": field for index, field in fields.items()}
    as_staff.post(at("columns", batch), {**chosen, "has_headers": "yes"})
    assert "These columns are not sent: Room, column 6." in text(as_staff.get(at("batch", batch)))
    again = paste(as_staff, table=f"{HEADERS}\tRoom\t\n{BEN}\t12\tx\n")  # as remembered, without asking
    assert "These columns are not sent: Room, column 6." in text(as_staff.get(again["Location"]))


def test_list_without_headers_has_no_person_more_than_a_list_may(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.BATCH_MAX_ROWS = 2
    rows = ["Ada\tKingsley\tada@example.com", "Ben\tOkonkwo\tben@example.com", "Cy\tYoung\tcy@example.com"]
    assert paste(as_staff, "\n".join(rows)).status_code == 303
    batch = only_batch()
    answers = {"column-0": "first_name", "column-1": "last_name", "column-2": "emails"}
    answer = as_staff.post(at("columns", batch), {"has_headers": "no", **answers})
    assert "The table has 3 rows, too many for one list. Divide it into several." in summary_of(answer)
    assert answers.items() <= on_page(answer).items()
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count()) == (BatchState.MATCHING, 3)
    as_staff.post(at("columns", batch), {"has_headers": "yes", **answers})
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count()) == (BatchState.CHECKED, 2)
