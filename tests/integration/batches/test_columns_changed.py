"""Columns that were chosen wrongly are changed while nothing was confirmed, without another upload."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.changing.rows import correct_row, leave_out
from apps.batches.changing.shown import digest_of_rows
from apps.batches.columns.matching import Choice
from apps.batches.models import Batch, BatchState, OwnState
from apps.batches.sending import control
from apps.batches.storing import new_list
from apps.batches.storing.columns import choose_columns
from apps.batches.storing.contents import ColumnsNotStored
from apps.batches.views import columns
from apps.cdp.factory import get_client
from apps.core import clock
from apps.core.encryption import NotReadableError
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, summary_of, text
from tests.support.batch_rows import row_of, shown_rows, states
from tests.support.batch_sending import take_turn
from tests.support.entries import on_page
from tests.support.people import acting, events

pytestmark = pytest.mark.django_db

TABLE = """First name\tLast name\tBorn\tEmail
Kingsley\tAda\t1990-01-02\tada@example.com
Okonkwo\tBen\t1971-05-30\tben@example.com
"""
COLUMNS = {"has_headers": "yes", "column-2": "date_of_birth", "column-3": "emails"}
WRONG = {**COLUMNS, "column-0": "first_name", "column-1": "last_name"}
RIGHT = {**COLUMNS, "column-0": "last_name", "column-1": "first_name"}


def _pasted(client: Client, table: str = TABLE) -> Batch:
    client.post(reverse("batches:new"), {"order_ref": SAMPLE_ORDER, "table": table})
    batch = Batch.objects.get()
    if batch.state == BatchState.MATCHING:
        client.post(at("columns", batch), WRONG)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    return batch


def _shown(batch: Batch) -> dict[str, str]:
    return {"shown": digest_of_rows(batch.rows.order_by("number"))}


def _names(batch: Batch) -> list[tuple[int, str, str]]:
    rows = ((row.number, row.values or {}) for row in batch.rows.order_by("number"))
    return [(number, values.get("first_name", ""), values.get("last_name", "")) for number, values in rows]


def test_columns_are_changed_and_the_rows_checked_again(as_staff: Client, sandbox: SandboxServer) -> None:
    batch = _pasted(as_staff)
    before = {row.number: row.token for row in batch.rows.all()}
    page = as_staff.get(at("batch", batch))
    assert "First name, Last name, Date of birth, Email addresses Change the columns" in text(page)
    page = as_staff.get(at("columns", batch))
    assert "read again from the cells that were uploaded" in text(page)
    assert "were changed" not in text(page)
    assert 'value="first_name" selected' in page.content.decode()
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)})
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert _names(batch) == [(2, "Ada", "Kingsley"), (3, "Ben", "Okonkwo")]
    assert states(batch) == ["ready", "ready"]
    assert {row.number: row.token for row in batch.rows.all()} == before
    assert [one.details["rows"] for one in events("batch.columns_chosen")][-1:] == [2]
    take_turn(batch)  # nothing was confirmed
    assert states(batch) == ["ready", "ready"]


def test_first_row_that_was_taken_for_headers_becomes_a_person_and_back(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff, TABLE.replace("First name", "Moreau").replace("Last name", "Zoe"))
    assert [number for number, *_ in _names(batch)] == [2, 3]
    as_person = {**RIGHT, "has_headers": "no", "column-2": "-", "column-3": "-"}
    assert as_staff.post(at("columns", batch), {**as_person, **_shown(batch)}).status_code == 303
    assert _names(batch) == [(1, "Zoe", "Moreau"), (2, "Ada", "Kingsley"), (3, "Ben", "Okonkwo")]
    batch.refresh_from_db()
    assert (batch.header_row, batch.headers) == (None, ())
    assert as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)}).status_code == 303
    assert [number for number, *_ in _names(batch)] == [2, 3]
    batch.refresh_from_db()
    assert (batch.header_row, batch.headers) == (1, ("Moreau", "Zoe", "Born", "Email"))


def test_changes_of_rows_are_discarded_only_if_the_person_says_so(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    row = row_of(batch, 2)
    correct_row(batch, row, {**row.values, "first_name": "Corrected"}, actor=acting(staff))
    leave_out(batch, [3], actor=acting(staff))
    page = text(as_staff.get(at("columns", batch)))
    assert "2 rows were changed" in page
    assert "These changes are lost if the columns change." in page
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)})
    assert summary_of(answer) == [
        "Tick that the changes are discarded, or go back to the list without changing it"
    ]
    assert _names(batch)[0] == (2, "Corrected", "Ada")
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch), "discard": "on"})
    assert answer.status_code == 303
    assert _names(batch) == [(2, "Ada", "Kingsley"), (3, "Ben", "Okonkwo")]
    assert states(batch) == ["ready", "ready"]


def test_nothing_is_lost_if_the_columns_stay_as_they_are(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    leave_out(batch, [3], actor=acting(staff))
    for agreement in ({}, {"discard": "on"}):
        same = {**WRONG, **_shown(batch), **agreement}
        answer = as_staff.post(at("columns", batch), same, follow=True)
        assert "The columns are as before: nothing was changed." in text(answer)
        assert states(batch) == ["ready", "left_out"]


def test_what_is_wrong_with_the_columns_is_said_together_with_the_changes(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    leave_out(batch, [3], actor=acting(staff))
    tick = "Tick that the changes are discarded, or go back to the list without changing it"
    twice = {**RIGHT, "column-0": "first_name", **_shown(batch)}
    answer = as_staff.post(at("columns", batch), twice)
    assert summary_of(answer) == [tick, "Another column goes to this field. Leave one of them out"]
    without_any = {**dict.fromkeys(RIGHT, "-"), "has_headers": "yes", **_shown(batch)}
    answer = as_staff.post(at("columns", batch), without_any)
    assert summary_of(answer) == [tick, "Choose the field of at least one column"]
    assert states(batch) == ["ready", "left_out"]


def test_rows_that_changed_since_the_page_was_shown_are_not_lost(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    seen = _shown(batch)
    leave_out(batch, [3], actor=acting(staff))
    answer = as_staff.post(at("columns", batch), {**RIGHT, **seen, "discard": "on"})
    assert answer.status_code == 409
    assert "The list had changed meanwhile. Nothing was done. What you chose is below." in text(answer)
    again = on_page(answer)
    assert {**RIGHT, **_shown(batch)}.items() <= again.items()
    assert "discard" not in again  # the person has not seen that a row was changed
    assert states(batch) == ["ready", "left_out"]
    with pytest.raises(ColumnsNotStored):
        _choose(batch, staff, shown=seen["shown"])


def _corrected(batch: Batch, person: User) -> None:
    row = row_of(batch, 2)
    correct_row(batch, row, {**row.values, "first_name": "Corrected"}, actor=acting(person))


def _erased(batch: Batch, _person: User) -> None:
    Batch.objects.filter(pk=batch.pk).update(erased_at=clock.now())


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (_corrected, "The list had changed meanwhile. Nothing was done"),
        (_erased, "The personal data of this list were deleted. Nothing was done"),
    ],
)
def test_what_another_window_does_after_the_page_was_compared_is_said(
    as_staff: Client,
    staff: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Batch, User], None],
    said: str,
) -> None:
    batch = _pasted(as_staff)

    def choose_late(one: Batch, choice: Choice, **values: Any) -> Batch:
        happens(batch, staff)
        return choose_columns(one, choice, **values)

    monkeypatch.setattr(columns, "choose_columns", choose_late)
    names = _names(batch)
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)}, follow=True)
    assert said in text(answer)
    assert "were chosen already" not in text(answer)
    assert _names(batch)[1] == names[1]


def _choose(batch: Batch, person: User, *, shown: str) -> None:
    choice = Choice(True, ("last_name", "first_name", "date_of_birth", "emails"))
    choose_columns(batch, choice, actor=acting(person), shown=shown)


def _confirmed(batch: Batch, person: User) -> None:
    control.confirm(batch, shown=shown_rows(batch), actor=acting(person), client=get_client())


def _discarded(batch: Batch, person: User) -> None:
    control.stop(batch, actor=acting(person))


@pytest.mark.parametrize("ended_by", [_confirmed, _discarded])
def test_columns_are_not_changed_once_the_list_was_confirmed_or_discarded(
    as_staff: Client, staff: User, sandbox: SandboxServer, ended_by: Any
) -> None:
    batch = _pasted(as_staff)
    ended_by(batch, staff)
    assert "Change the columns" not in text(as_staff.get(at("batch", batch)))
    assert as_staff.get(at("columns", batch)).status_code == 302
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)}, follow=True)
    assert "Nothing was done" in text(answer)
    with pytest.raises(ColumnsNotStored):
        _choose(batch, staff, shown=_shown(batch)["shown"])
    assert _names(batch)[0] == (2, "Kingsley", "Ada")


def test_columns_of_rows_that_failed_belong_to_the_earlier_list(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    control.stop(batch, actor=acting(staff))
    again = new_list.make_new_list(batch, actor=acting(staff))
    assert "Change the columns" not in text(as_staff.get(at("batch", again)))
    with pytest.raises(ColumnsNotStored):
        _choose(again, staff, shown=_shown(again)["shown"])


def test_rows_that_cannot_be_read_keep_their_values(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _pasted(as_staff)
    batch.rows.filter(number=3).update(encrypted_cells=b"of another key")
    with pytest.raises(NotReadableError):
        _choose(batch, staff, shown=_shown(batch)["shown"])
    answer = as_staff.post(at("columns", batch), {**RIGHT, **_shown(batch)}, follow=True)
    assert "Some rows cannot be decrypted" in text(answer)
    assert row_of(batch, 3).values["first_name"] == "Okonkwo"
    assert set(states(batch)) == {OwnState.READY}


def test_ambiguous_dates_are_asked_again(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    table = TABLE.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971")
    as_staff.post(reverse("batches:new"), {"order_ref": SAMPLE_ORDER, "table": table})
    batch = Batch.objects.get()
    dates = {"date_order": "day-month", "date_column": "2"}
    as_staff.post(at("columns", batch), {**WRONG, **dates})
    page = as_staff.get(at("columns", batch))
    assert "03/04/1990 is 4 March 1990" in text(page)
    other = {**RIGHT, **_shown(batch), **dates, "date_order": "month-day"}
    assert as_staff.post(at("columns", batch), other).status_code == 303
    assert row_of(batch, 2).values["date_of_birth"] == "1990-03-04"
    leave_out(batch, [3], actor=acting(staff))
    back = {**RIGHT, **_shown(batch), **dates}
    page = as_staff.post(at("columns", batch), back)  # the answer about the dates stays on the page
    assert [one for one in re.findall("<input[^>]+ checked", page.content.decode()) if "day-month" in one]
    assert as_staff.post(at("columns", batch), {**back, "discard": "on"}).status_code == 303
    assert row_of(batch, 2).values["date_of_birth"] == "1990-04-03"
