"""What the outcome of a row means for the list: it goes on, waits or pauses with a reason."""

from __future__ import annotations

import datetime as dt

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking.check import recheck
from apps.batches.models import BatchState, PauseReason
from apps.batches.sending import control, run
from apps.consumers.models import CircuitBreaker, Outcome
from apps.consumers.sending import submit
from apps.core import clock
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import resolve_as_not_created, states
from tests.support.batch_sending import confirmed_batch, data_of, people, send_all, take_turn
from tests.support.entries import creates, store
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_row_whose_earlier_submission_created_nothing_goes_on_with_the_list(
    sandbox: SandboxServer, staff: User
) -> None:
    first, second = people(2)
    batch = confirmed_batch(staff, [first, second])
    open_ = store(staff, Outcome.UNKNOWN, second)
    recheck(batch)  # such as after a correction of another row
    assert states(batch) == ["ready", "already_sent"]
    resolve_as_not_created(open_, staff)
    send_all(batch)
    assert states(batch) == ["created", "created"]


def test_unknown_row_does_not_stop_the_others(sandbox: SandboxServer, staff: User) -> None:
    sandbox.sandbox.faults.arm(Armed("reset_after"))
    batch = confirmed_batch(staff, people(3))
    send_all(batch)
    assert states(batch) == ["unknown", "created", "created"]
    assert batch.state == BatchState.FINISHED
    assert batch.unknown_in_a_row == 0


def test_five_unknown_in_a_row_pause_the_batch(sandbox: SandboxServer, staff: User) -> None:
    for _ in range(6):
        sandbox.sandbox.faults.arm(Armed("reset_after"))
    batch = confirmed_batch(staff, people(7))
    send_all(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.SEVERAL_UNKNOWN)
    assert states(batch) == ["unknown"] * 5 + ["ready"] * 2
    [paused] = data_of("batch.paused_by_portal")
    assert paused["pause_reason"] == "several_unknown"
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["unknown"] * 6 + ["created"]


def test_five_rows_that_did_not_reach_the_vendor_pause_the_batch(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    batch = confirmed_batch(staff, people(7))
    settings.CDP_BASE_URL = "http://127.0.0.1:9"
    send_all(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_REACHED)
    assert states(batch) == ["not_sent"] * 5 + ["ready"] * 2


def test_waits_grow_while_the_vendor_is_not_reached(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    batch = confirmed_batch(staff, people(4))
    settings.CDP_BASE_URL = "http://127.0.0.1:9"
    waits = []
    for _ in range(3):
        began = clock.now()
        take_turn(batch)
        assert batch.due_at is not None
        waits.append(round((batch.due_at - began).total_seconds()))
    assert waits == [1, 2, 4]


def test_refused_credentials_pause_the_batch(sandbox: SandboxServer, staff: User, settings: Settings) -> None:
    batch = confirmed_batch(staff, people(3))
    settings.CDP_API_TOKEN = "not the token"  # of this test
    send_all(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.CREDENTIALS)
    assert states(batch) == ["rejected", "ready", "ready"]


def test_row_that_the_vendor_refuses_is_rejected_and_the_others_go_on(
    sandbox: SandboxServer, staff: User
) -> None:
    sandbox.sandbox.faults.arm(Armed("422"))
    batch = confirmed_batch(staff, people(2))
    send_all(batch)
    assert states(batch)[1] == "created"
    assert batch.state == BatchState.FINISHED


@pytest.mark.sql("repeated")
def test_unexpected_error_pauses_the_batch_and_its_text_is_not_logged(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch = confirmed_batch(staff, people(2))

    def fail(*_: object) -> None:
        raise RuntimeError("fault")

    with monkeypatch.context() as patch:
        patch.setattr(run, "next_row", fail)
        send_all(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.FAULT)
    assert f"batch_row_fault {batch.public_id}" in caplog.text
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]


@pytest.mark.sql("new")
def test_open_circuit_breaker_is_waited_for(sandbox: SandboxServer, staff: User, settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    batch = confirmed_batch(staff, people(1))
    until = clock.now() + dt.timedelta(minutes=5)
    CircuitBreaker.objects.update_or_create(pk=1, defaults={"paused_until": until})
    take_turn(batch)
    assert creates(sandbox) == []
    assert batch.due_at is not None
    assert abs((batch.due_at - until).total_seconds()) < 1


@pytest.mark.sql("repeated")
def test_busy_process_tries_again(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))

    def busy(**_: object) -> None:
        raise submit.Busy("busy")

    with monkeypatch.context() as patch:
        patch.setattr(run, "submit", busy)
        take_turn(batch)
    assert states(batch) == ["ready"]
    send_all(batch)
    assert states(batch) == ["created"]
