"""Rows of a list that were not created become a new one."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.changing.held_rows import NotPossible
from apps.batches.changing.rows import leave_out
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch, BatchRow, BatchState, SourceKind
from apps.batches.sending import control
from apps.batches.storing.new_list import make_new_list
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome
from apps.core.encryption import NotReadableError
from sandbox.data.seed import FAULT_ORDERS
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text
from tests.support.batch_rows import IDA, KAI, batch_of, checked, paused, row_of, sent_row, states
from tests.support.batch_sending import confirmed_batch, people, send_all, take_turn
from tests.support.entries import FULL, posted, store
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_what_failed_becomes_a_new_list_that_names_the_old_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    answer = as_staff.post(at("make_new_list", batch))
    made = Batch.objects.exclude(pk=batch.pk).get()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", made))
    assert at("batch", batch) in as_staff.get(at("batch", made)).content.decode()


def test_new_lists_of_what_failed_have_the_limit_of_uploaded_ones(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.LISTS_PER_HOUR = 1
    batch = confirmed_batch(staff, people(1))
    control.stop(batch, actor=acting(staff))
    answers = [as_staff.post(at("make_new_list", batch), follow=True) for _ in range(2)]
    refusal = "You have added too many lists within the last hour."
    assert [refusal in text(answer) for answer in answers] == [False, True]
    assert Batch.objects.count() == 2


def test_what_cannot_be_decrypted_becomes_no_new_list(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2))
    as_staff.post(at("leave_out", batch), {"number": "2"})
    control.stop(batch, actor=acting(staff))
    assert "a new list of 1 row" in text(as_staff.get(at("batch", batch)))
    batch.rows.update(encrypted_values=b"of another key")
    answer = as_staff.post(at("make_new_list", batch), follow=True)
    assert "Some rows cannot be decrypted" in text(answer)
    assert Batch.objects.count() == 1


def test_what_failed_is_not_offered_before_the_end(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("422"))
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    control.pause(batch, actor=acting(staff))
    assert states(batch) == ["rejected", "ready"]
    assert "Make a new list" not in text(as_staff.get(at("batch", batch)))
    control.stop(batch, actor=acting(staff))
    assert "a new list of 2 rows" in text(as_staff.get(at("batch", batch)))


@pytest.mark.sql("new")
def test_what_failed_is_a_new_list_with_the_same_numbers(staff: User) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, KAI, FULL, order_number="ORD-77", **ended)
    batch.headers = ("First name", "Last name")
    batch.save()
    sent_row(batch, 2, Outcome.CREATED, IDA)
    sent_row(batch, 3, Outcome.REJECTED, KAI)
    sent_row(batch, 4, Outcome.NOT_CREATED, FULL)
    again = make_new_list(batch, actor=acting(staff))
    check_batch(again, client=get_client())
    assert [row.number for row in again.rows.order_by("number")] == [3, 4]
    assert states(again) == ["ready", "ready"]
    assert (again.replaces, again.source, again.headers) == (batch, SourceKind.ROWS, batch.headers)
    assert (again.order_ref, again.order_number) == (batch.order_ref, "ORD-77")
    assert row_of(again, 3).values == row_of(batch, 3).values
    assert row_of(again, 3).cells == ("row 3",)
    [event] = events("batch.uploaded")
    assert event.details == {
        "batch": str(again.public_id),
        "rows": 2,
        "source": "rows",
        "replaces": str(batch.public_id),
    }


def test_rows_of_a_stopped_list_that_were_not_sent_are_in_the_new_one(staff: User) -> None:
    batch = checked(staff, IDA, KAI, **{**paused(staff), "state": BatchState.STOPPED, "pause_reason": ""})
    sent_row(batch, 2, Outcome.CREATED, IDA)
    again = make_new_list(batch, actor=acting(staff))
    assert [row.number for row in again.rows.all()] == [3]


def test_rows_that_the_author_left_out_are_not_in_the_new_one(staff: User) -> None:
    batch = checked(staff, IDA, KAI, posted(FULL, last_name=""), **paused(staff))
    leave_out(batch, [2], actor=acting(staff))
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["left_out", "left_out", "attention"]
    assert [row.number for row in selectors.rows_for_new_list(batch)] == [3, 4]
    again = make_new_list(batch, actor=acting(staff))
    assert [row.number for row in again.rows.order_by("number")] == [3, 4]
    check_batch(again, client=get_client())
    assert states(again) == ["ready", "attention"]


@pytest.mark.sql("repeated")
def test_rows_that_another_submission_has_sent_are_not_in_the_new_one(staff: User) -> None:
    store(staff, Outcome.CREATED, IDA)
    batch = checked(staff, IDA, KAI)
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["already_sent", "left_out"]
    again = make_new_list(batch, actor=acting(staff))
    assert [row.number for row in again.rows.all()] == [3]


@pytest.mark.sql("new")
def test_list_that_was_stopped_before_its_columns_were_chosen_has_no_rows_again(staff: User) -> None:
    batch = batch_of(staff, [IDA], state=BatchState.MATCHING)
    batch.rows.update(encrypted_values=b"")
    control.stop(batch, actor=acting(staff))
    with pytest.raises(NotPossible, match="no_rows"):
        make_new_list(batch, actor=acting(staff))


@pytest.mark.sql("new")
@pytest.mark.parametrize("column", ["encrypted_headers", "encrypted_cells", "encrypted_values"])
def test_rows_that_cannot_be_read_are_not_copied(staff: User, column: str) -> None:
    stopped = {**paused(staff), "state": BatchState.STOPPED, "pause_reason": ""}
    batch = checked(staff, IDA, KAI, **stopped)
    (Batch if column == "encrypted_headers" else BatchRow).objects.update(**{column: b"of another key"})
    with pytest.raises(NotReadableError):
        make_new_list(batch, actor=acting(staff))
    assert (Batch.objects.count(), events("batch.uploaded")) == (1, [])


@pytest.mark.parametrize("state", [BatchState.CHECKED, BatchState.PAUSED])
def test_list_that_has_not_ended_has_no_rows_again(state: BatchState, staff: User) -> None:
    batch = checked(staff, IDA, **(paused(staff) if state == BatchState.PAUSED else {}))
    sent_row(batch, 2, Outcome.REJECTED, IDA)
    with pytest.raises(NotPossible, match="not_ended"):
        make_new_list(batch, actor=acting(staff))


def test_list_without_failed_rows_has_no_rows_again(staff: User) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, **ended)
    sent_row(batch, 2, Outcome.CREATED, IDA)
    with pytest.raises(NotPossible, match="no_rows"):
        make_new_list(batch, actor=acting(staff))
    assert Batch.objects.count() == 1
