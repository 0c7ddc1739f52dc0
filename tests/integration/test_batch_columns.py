"""A table is matched, stored as a batch with encrypted rows, and remembered for equal headers."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.batches.columns.matching import Choice, QuestionCode, propose
from apps.batches.columns.remembering import remembered_choice
from apps.batches.models import Batch, BatchRow, BatchState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, Table, TableRow
from apps.batches.sending.storing import ColumnsNotStored, choose_columns, create_batch, table_of
from tests.support.people import acting, events

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
TARGETS = ("first_name", "last_name", "date_of_birth")
pytestmark = pytest.mark.django_db


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
    details = {"order_ref": ORDER, "order_number": "ORD-7", "actor": acting(person)} | changes
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
