"""How a list ends, and what its pages say is left to do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.changing.rows import leave_out, take_back_in
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, PauseReason
from apps.batches.sending import control
from apps.batches.storing import new_list
from apps.consumers.models import Outcome
from apps.core import clock, heartbeats
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text
from tests.support.batch_rows import batch_of, sent_row, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, stored_batch
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def _finished(staff: User, *outcomes: Outcome, more: int = 0) -> Batch:
    """A finished list with a row of each outcome, and ``more`` rows without a submission."""
    everybody = people(len(outcomes) + more)
    now = clock.now()
    facts: dict[str, Any] = {
        "confirmed_by": staff,
        "confirmed_by_name": staff.name,
        "confirmed_at": now,
        "ended_at": now,
    }
    batch = batch_of(staff, everybody, state=BatchState.FINISHED, **facts)
    for number, (outcome, person) in enumerate(zip(outcomes, everybody, strict=False), start=2):
        sent_row(batch, number, outcome, person)
    return batch


def _shapes(client: Client, batch: Batch) -> tuple[str, str]:
    """The shape of the panel that says how the list ended, and that of the list among all lists."""
    page = client.get(at("progress", batch)).content.decode()
    lists = client.get(reverse("batches:batches")).content.decode()
    [panel] = re.findall(r'class="panel panel-(\w+)"', page)
    [badge] = re.findall(r'class="outcome outcome-(\w+)"', lists)
    return panel, badge


def test_list_is_shown_as_created_only_if_nothing_is_left(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    assert _shapes(as_staff, _finished(staff, Outcome.CREATED, Outcome.CREATED)) == ("created", "created")


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED])
def test_list_with_a_row_that_failed_is_shown_as_a_warning(
    as_staff: Client, staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    assert _shapes(as_staff, _finished(staff, Outcome.CREATED, outcome)) == ("warning", "warning")


def test_list_with_an_unknown_row_is_shown_as_unknown_and_says_not_to_enter_it_again(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _finished(staff, Outcome.UNKNOWN, Outcome.REJECTED)
    assert _shapes(as_staff, batch) == ("unknown", "unknown")
    page = as_staff.get(at("batch", batch))
    said = (
        "1 row is unknown. Do not enter it again:"
        " a check may find the outcome; otherwise a supervisor resolves it."
    )
    assert said in text(page)
    assert f"{at('batch', batch)}?show=unknown#rows" in page.content.decode()


def test_list_paused_by_unknown_rows_promises_no_check(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _finished(staff, Outcome.UNKNOWN, Outcome.UNKNOWN)
    facts = {"state": BatchState.PAUSED, "pause_reason": PauseReason.SEVERAL_UNKNOWN, "ended_at": None}
    Batch.objects.filter(pk=batch.pk).update(**facts)
    page = text(as_staff.get(at("batch", batch)))
    assert "Five outcomes in a row were unknown" in page
    assert "The outcomes of five rows in a row were unknown. Resume when Sitecore CDP answers again." in page
    assert (
        "Do not enter them again: a check may find the outcome; otherwise a supervisor resolves them." in page
    )


@pytest.mark.sql("new")
def test_finished_list_says_which_rows_wait(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = _finished(staff, Outcome.CREATED, more=2)
    batch.rows.filter(number=3).update(state=OwnState.NEEDS_ATTENTION)
    batch.rows.filter(number=4).update(state=OwnState.READY)
    assert _shapes(as_staff, batch) == ("warning", "warning")
    page = text(as_staff.get(at("batch", batch)))
    assert "1 row needs attention." in page
    assert "1 row is ready. It is sent once it is confirmed." in page


@pytest.mark.sql("new")
def test_paused_list_says_which_rows_are_not_confirmed(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2))
    control.pause(batch, actor=acting(staff))
    said = "1 row was changed since the list was confirmed. After Resume, it is sent once it is confirmed."
    assert said not in text(as_staff.get(at("batch", batch)))
    leave_out(batch, [2], actor=acting(staff))
    take_back_in(batch, [2], actor=acting(staff))
    assert states(batch) == ["ready", "ready"]
    assert said in text(as_staff.get(at("batch", batch)))
    as_staff.post(at("resume", batch))
    assert "1 row is ready to be sent" in text(as_staff.get(at("batch", batch)))


def test_list_that_was_not_confirmed_is_discarded(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    assert "Discard this list" in text(as_staff.get(at("batch", batch)))
    page = as_staff.post(at("stop", batch), follow=True)
    assert "The list was discarded" in text(page)
    assert "State Discarded" in text(page)
    assert "Discarded" in text(as_staff.get(reverse("batches:batches")))
    assert "Discard this list" not in text(page)
    assert len(events("batch.stopped")) == 1
    assert at("batch", batch) not in as_staff.get("/").content.decode()


@pytest.mark.sql("repeated")
def test_pages_of_a_discarded_list_say_of_no_row_that_it_failed(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(2))
    asked = text(as_staff.get(at("batch", batch)))
    assert "Nothing of this list is sent. A discarded list cannot be used again." in asked
    control.stop(batch, actor=acting(staff))
    page = text(as_staff.get(at("batch", batch)))
    assert "Make a new list of 2 rows that were not created" in page
    made = text(as_staff.post(at("make_new_list", batch), follow=True))
    assert "This is a new list of rows that were not created. Nothing of it is sent yet." in made
    replaced = text(as_staff.get(at("batch", batch)))
    assert "Rows that were not created are in a newer list" in replaced
    for shown in (asked, page, made, replaced):
        assert "failed" not in shown
        assert "cannot be undone" not in shown


@pytest.mark.sql("new")
def test_list_without_columns_is_discarded(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = stored_batch(staff, BatchState.MATCHING)
    assert "Discard this list" in text(as_staff.get(at("columns", batch)))
    page = as_staff.post(at("stop", batch), follow=True)
    assert "The list was discarded" in text(page)


def test_columns_of_a_list_that_was_discarded_in_another_tab_are_not_said_to_be_chosen(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = stored_batch(staff, BatchState.MATCHING)
    control.stop(batch, actor=acting(staff))
    page = text(as_staff.post(at("columns", batch), {}, follow=True))
    assert "The list was discarded. Nothing was done." in page
    assert "were chosen already" not in page


def test_list_that_is_being_sent_is_stopped_and_not_discarded(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    page = text(as_staff.get(at("batch", batch)))
    assert "Stop sending this list" in page
    assert "A stopped list cannot be resumed." in page
    assert "Discard this list" not in page
    as_staff.post(at("stop", batch))
    assert "State Stopped" in text(as_staff.get(at("batch", batch)))


@pytest.mark.sql("new")
def test_list_says_that_it_is_sent_without_the_reader_only_while_a_worker_runs(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    pages = (at("batch", batch), at("progress", batch))
    for page in (text(as_staff.get(one)) for one in pages):
        assert "You can leave this page" not in page
        assert page.count("No background worker is running") == 2  # visible, and announced
        assert "Rows are sent once a background worker is running. Tell your administrator." in page
    heartbeats.record_heartbeat(heartbeats.WORKER)
    for page in (text(as_staff.get(one)) for one in pages):
        assert "You can leave this page: sending goes on, and the start page shows it." in page
        assert "background worker" not in page


def test_replaced_list_leads_to_the_newer_one(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = checked_batch(staff, people(1))
    newer = checked_batch(staff, people(1), replaces=batch)
    page = as_staff.get(at("batch", batch))
    assert "A corrected file was uploaded" in text(page)
    assert f'href="{at("batch", newer)}">Open the newer list' in page.content.decode()
    failed = _finished(staff, Outcome.REJECTED)
    again = new_list.make_new_list(failed, actor=acting(staff))
    page = as_staff.get(at("batch", failed))
    assert "Rows that were not created are in a newer list" in text(page)
    assert at("batch", again) in page.content.decode()


_NEVER_CONFIRMED = {"confirmed_by": None, "confirmed_at": None}


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("state", "columns", "shown"),
    [
        (BatchState.MATCHING, {}, "Not confirmed"),
        (BatchState.CHECKED, {}, "Not confirmed"),
        (BatchState.STOPPED, _NEVER_CONFIRMED, "Discarded"),
        (BatchState.STOPPED, {}, "Stopped"),
        (BatchState.FINISHED, {}, "Finished"),
    ],
)
def test_erased_list_says_nothing_of_rows_that_it_does_not_have_any_more(
    state: BatchState,
    columns: dict[str, Any],
    shown: str,
    as_staff: Client,
    staff: User,
    sandbox: SandboxServer,
) -> None:
    batch = stored_batch(staff, state, **columns)
    BatchRow.objects.create(batch=batch, number=2, state=OwnState.NEEDS_ATTENTION)
    kept = text(as_staff.get(at("progress", batch)))
    assert ("1 row needs attention." in kept) == (state == BatchState.FINISHED)
    Batch.objects.update(erased_at=clock.now())
    page = text(as_staff.get(at("batch", batch)))
    assert "The personal data of this list were deleted" in page
    assert f"State {shown}" in page
    assert shown in text(as_staff.get(reverse("batches:batches")))
    for untrue in (
        "The personal data in the rows of a list are deleted",
        "needs attention.",
        "The uploaded columns",
        "Columns to be matched",
    ):
        assert untrue not in page
    assert ("The receipts of the rows that were sent are kept." in page) == bool(batch.confirmed_at)


@pytest.mark.sql("new")
def test_pages_say_what_is_deleted_of_a_list_and_what_stays(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.BATCH_DAYS = 12
    batch = checked_batch(staff, people(1))
    for address in (at("batch", batch), reverse("batches:new")):
        page = text(as_staff.get(address))
        assert (
            "The personal data in the rows of a list are deleted 12 days after the upload, or if the list is"
            " confirmed, 12 days after it has ended or was paused. If it is still paused then, it is stopped."
        ) in page
        assert "Row numbers, states, references and receipts stay." in page
        assert "The rows are deleted" not in page


def test_list_is_called_checked_only_once_its_rows_are(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, people(2))
    for address in (at("batch", batch), reverse("batches:batches")):
        assert "Checked, not confirmed" not in text(as_staff.get(address))
    batch.rows.update(state=OwnState.READY)
    for address in (at("batch", batch), reverse("batches:batches")):
        assert "Checked, not confirmed" in text(as_staff.get(address))


def test_stopped_list_says_of_no_row_that_it_is_left_out(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    """A row that failed, or that needed attention, keeps its state."""
    batch = _finished(staff, Outcome.NOT_SENT, more=1)
    batch.rows.filter(number=3).update(state=OwnState.NEEDS_ATTENTION)
    Batch.objects.update(state=BatchState.STOPPED)
    page = text(as_staff.get(at("progress", batch)))
    assert "1 of 1 row has an outcome: 1 not sent. No further row is sent." in page


def test_list_of_another_person_is_not_said_to_be_on_the_start_page(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    heartbeats.record_heartbeat(heartbeats.WORKER)
    batch = confirmed_batch(staff, people(1))
    for address in (at("batch", batch), at("progress", batch)):
        page = text(as_supervisor.get(address))
        assert "You can leave this page: sending goes on." in page
        assert "the start page shows it" not in page
