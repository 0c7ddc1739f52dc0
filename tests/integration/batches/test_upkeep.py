"""What the worker does for lists beside sending: it deletes expired ones, reports, and ends on a signal."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.batches import leases
from apps.batches.changing.decisions import accept_warnings
from apps.batches.checking.check import check_batch
from apps.batches.expiry import delete_expired
from apps.batches.models import Batch, BatchState, PauseReason
from apps.batches.sending import control, pace
from apps.batches.sending.run import send_next_due
from apps.batches.sending.turns import end_turn
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from consumerportal import batch_threads, status
from consumerportal.management.commands.worker import run_duty
from consumerportal.status import Level, Line
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import batch_of, sent_row, shown_rows, shown_warnings, states
from tests.support.batch_sending import (
    checked_batch,
    confirmed_batch,
    people,
    send_all,
    stored_batch,
    take_turn,
)
from tests.support.entries import creates
from tests.support.people import TESTS, acting, events
from tests.support.waiting import wait_for

pytestmark = pytest.mark.django_db

BOUND = 30.0  # seconds


def days_ago(days: float) -> dt.datetime:
    return clock.now() - dt.timedelta(days=days)


def is_erased(batch: Batch) -> bool:
    batch.refresh_from_db()
    columns = batch.rows.values_list("encrypted_cells", "encrypted_values", "encrypted_findings")
    empty = {bytes(value) for row in columns for value in row} == {b""}
    assert empty == (batch.erased_at is not None)
    return empty and bytes(batch.encrypted_headers) == b""


# --- Expiry -------------------------------------------------------------------------------------------
def test_list_that_was_not_confirmed_is_erased_after_its_days(staff: User, settings: Settings) -> None:
    settings.BATCH_DAYS = 30
    old = checked_batch(staff, people(2), created_at=days_ago(30.1))
    old.headers = ("First name", "Last name")
    old.save()
    young = checked_batch(staff, people(1), created_at=days_ago(29.9))
    assert delete_expired(TESTS) == 1
    assert is_erased(old)
    assert not is_erased(young)
    assert states(old) == ["left_out", "left_out"]
    [erased] = events("batch.erased")
    assert erased.details == {"batch": str(old.public_id), "rows": 2}
    assert delete_expired(TESTS) == 0
    with pytest.raises(control.NotInThisState):
        control.confirm(old, shown=shown_rows(old), actor=acting(staff), client=get_client())


def test_list_that_was_discarded_is_erased_as_if_it_was_not(staff: User, settings: Settings) -> None:
    settings.BATCH_DAYS = 30
    old, young = (checked_batch(staff, people(1), created_at=days_ago(days)) for days in (30.1, 29.9))
    for batch in (old, young):
        control.stop(batch, actor=acting(staff))
    assert delete_expired(TESTS) == 1
    assert is_erased(old)
    assert not is_erased(young)


@pytest.mark.parametrize("state", [BatchState.FINISHED, BatchState.STOPPED])
def test_list_that_ended_is_erased_and_its_submissions_stay(
    staff: User, settings: Settings, state: BatchState
) -> None:
    settings.BATCH_DAYS = 30
    [consumer] = people(1)
    kept: dict[str, Any] = {
        "created_at": days_ago(90),
        "confirmed_by": staff,
        "confirmed_at": days_ago(90),
    }
    batch = checked_batch(staff, [consumer], state=state, ended_at=days_ago(31), **kept)
    sent_row(batch, 2, Outcome.CREATED, consumer)
    assert delete_expired(TESTS) == 1
    assert is_erased(batch)
    assert states(batch) == ["created"]
    assert Submission.objects.get().consumer == consumer


@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
def test_list_with_an_open_submission_waits(staff: User, outcome: Outcome) -> None:
    [consumer] = people(1)
    kept: dict[str, Any] = {
        "created_at": days_ago(90),
        "confirmed_by": staff,
        "confirmed_at": days_ago(90),
    }
    batch = checked_batch(staff, [consumer], state=BatchState.FINISHED, ended_at=days_ago(90), **kept)
    sent_row(batch, 2, outcome, consumer)
    assert delete_expired(TESTS) == 0
    assert not is_erased(batch)


@pytest.mark.parametrize("state", [BatchState.SENDING, BatchState.PAUSED])
def test_list_that_is_being_sent_or_was_paused_just_now_is_not_erased(staff: User, state: BatchState) -> None:
    long_ago = {"created_at": days_ago(400), "confirmed_at": days_ago(400)}
    paused = {"paused_at": days_ago(29)} if state == BatchState.PAUSED else {}
    batch = stored_batch(staff, state, **long_ago, **paused)
    assert delete_expired(TESTS) == 0
    batch.refresh_from_db()
    assert batch.erased_at is None


def test_list_that_stays_paused_is_stopped_and_erased(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(2), created_at=days_ago(90))
    take_turn(batch)
    control.pause(batch, actor=acting(staff))
    assert delete_expired(TESTS) == 0
    Batch.objects.update(confirmed_at=days_ago(60), paused_at=days_ago(31))
    assert delete_expired(TESTS) == 1
    assert is_erased(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.STOPPED, "")
    assert states(batch) == ["created", "left_out"]
    [stopped], [erased] = events("batch.stopped"), events("batch.erased")
    assert (stopped.details["rows"], stopped.actor_name) == (1, TESTS.name)
    assert stopped.seq < erased.seq
    with pytest.raises(control.NotInThisState):
        control.resume(batch, actor=acting(staff))


def test_list_that_is_paused_again_begins_its_days_again(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(2))
    control.pause(batch, actor=acting(staff))
    Batch.objects.update(confirmed_at=days_ago(60), paused_at=days_ago(31))
    control.resume(batch, actor=acting(staff))
    end_turn(
        acquired(batch),
        pace.turn_without_send(batch, pause=PauseReason.CREDENTIALS),
        began=clock.now(),
        actor=TESTS,
    )
    batch.refresh_from_db()
    assert batch.state == BatchState.PAUSED
    assert delete_expired(TESTS) == 0


def acquired(batch: Batch) -> Batch:
    """The batch under a lease."""
    found = leases.acquire(clock.now())
    assert found == batch
    return found


def test_nothing_of_what_was_confirmed_stays_after_the_erasure(staff: User) -> None:
    [person] = people(1)
    batch = batch_of(staff, [replace(person, first_name="Kai and Bo")], created_at=days_ago(31))
    check_batch(batch, client=get_client())
    codes = ["several_people_in_a_name"]
    accept_warnings(batch, codes, "", shown=shown_warnings(batch), actor=acting(staff))
    batch.rows.update(similar_reason="same_name")
    [key] = batch.rows.get().accepted
    assert key.startswith("several_people_in_a_name:")
    assert delete_expired(TESTS) == 1
    row = batch.rows.get()
    assert (row.accepted, row.similar_reason) == ([], "")


@pytest.mark.parametrize("was", [BatchState.CHECKED, BatchState.PAUSED, BatchState.FINISHED])
def test_list_that_is_confirmed_or_resumed_meanwhile_is_not_erased(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, was: BatchState
) -> None:
    columns: dict[str, Any] = {"state": was, "created_at": days_ago(90)}
    if was != BatchState.CHECKED:
        columns |= {"confirmed_by": staff, "confirmed_at": days_ago(60)}
        columns |= {"paused_at": days_ago(60), "ended_at": days_ago(60)}
    if was == BatchState.PAUSED:
        columns["pause_reason"] = PauseReason.BY_PERSON
    batch = checked_batch(staff, people(1), **columns)

    def confirm_meanwhile(found: Batch) -> bool:
        if was == BatchState.PAUSED:
            control.resume(found, actor=acting(staff))
        else:
            control.confirm(found, shown=shown_rows(found), actor=acting(staff), client=get_client())
        return False

    monkeypatch.setattr("apps.batches.selectors.has_open_submission", confirm_meanwhile)
    assert delete_expired(TESTS) == 0
    assert not is_erased(batch)
    assert batch.state == BatchState.SENDING


# --- Status -------------------------------------------------------------------------------------------
def lists_line() -> Line:
    [line] = [one for one in status.lines() if one.name == "lists"]
    return line


def test_status_counts_lists_and_names_reasons(staff: User) -> None:
    assert (lists_line().text, lists_line().level) == ("None is being sent", Level.OK)
    stored_batch(staff, BatchState.FINISHED)
    stored_batch(staff, BatchState.SENDING)
    stored_batch(staff, BatchState.PAUSED)
    assert lists_line().text == "1 being sent. 1 paused: Paused by a person."
    assert lists_line().level is Level.OK
    for _ in range(2):
        stored_batch(staff, BatchState.PAUSED, pause_reason=PauseReason.CREDENTIALS)
    assert "2 paused: Sitecore CDP refuses the API credentials." in lists_line().text
    assert lists_line().level is Level.WARNING


# --- The threads --------------------------------------------------------------------------------------
class Running:
    """The threads of a worker, and which duties failed."""

    def __init__(self) -> None:
        self.stop, self.ready = threading.Event(), threading.Event()
        self.failed: list[str] = []
        self.threads = batch_threads.start_in_worker(self.stop, self.ready, self._run)

    def _run(self, name: str, duty: object) -> None:
        assert callable(duty)
        if not run_duty(name, duty):
            self.failed.append(name)

    def end(self) -> None:
        self.stop.set()
        batch_threads.wait_for(self.threads)
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.mark.django_db(transaction=True)
def test_threads_send_two_orders_at_once_and_end_on_a_signal(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    settings.BATCH_THREADS, settings.BATCH_ROWS_PER_SECOND = 2, 100
    batches = [
        confirmed_batch(staff, people(5, first=10 * number), order=str(uuid.uuid4())) for number in range(2)
    ]
    running = Running()
    try:
        assert not wait_for(lambda: creates(sandbox), 0.5)  # no heartbeat yet
        running.ready.set()
        assert wait_for(lambda: not Batch.objects.filter(state=BatchState.SENDING).exists(), BOUND), [
            states(batch) for batch in batches
        ]
    finally:
        running.end()
    assert running.failed == []
    assert len(creates(sandbox)) == 10


@pytest.mark.django_db(transaction=True)
def test_failure_of_a_thread_is_reported_and_it_goes_on(
    sandbox: SandboxServer, staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BATCH_THREADS = 1
    batch = confirmed_batch(staff, people(1))
    lost = [OperationalError("server closed the connection"), RuntimeError("odd")]

    def failing(**named: Any) -> bool:
        if lost:
            raise lost.pop()
        return send_next_due(**named)

    monkeypatch.setattr(batch_threads, "send_next_due", failing)
    running = Running()
    running.ready.set()
    try:
        assert wait_for(lambda: Batch.objects.filter(state=BatchState.FINISHED).exists(), BOUND)
    finally:
        running.end()
    assert running.failed == ["send_lists_1", "send_lists_1"]
    assert states(batch) == ["rejected"] or len(creates(sandbox)) == 1


def test_events_of_a_list_are_about_its_order(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    send_all(batch)
    named = AuditEvent.objects.filter(action__startswith="batch.")
    assert {one.order_ref for one in named} == {batch.order_ref}
