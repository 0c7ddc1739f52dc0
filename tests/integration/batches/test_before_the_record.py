"""What changes between the choice of a row and its record prevents the send."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts import services
from apps.accounts.models import User
from apps.batches.models import Batch, BatchRow, BatchState, PauseReason
from apps.batches.sending import control
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import submit
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import states
from tests.support.batch_sending import PAST, confirmed_batch, people, take_turn
from tests.support.entries import clean, creates, store
from tests.support.people import TESTS, acting, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("change", ["deactivated", "another role"])
def test_person_who_lost_the_permission_just_before_the_record_sends_nothing(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    make_person("ada", "administrator")
    batch = confirmed_batch(staff, people(1))

    def lose() -> None:
        if change == "deactivated":
            services.deactivate_person(person_id=staff.pk, actor=TESTS)
        else:
            services.revoke_role(person_id=staff.pk, role="staff", actor=TESTS)

    _before_the_record(monkeypatch, lose)
    take_turn(batch)
    assert (creates(sandbox), states(batch)) == ([], ["ready"])
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_PERMITTED)


@pytest.mark.parametrize("change", [control.pause, control.stop])
def test_change_just_before_the_record_prevents_the_send(
    sandbox: SandboxServer,
    staff: User,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[..., None],
) -> None:
    batch = confirmed_batch(staff, people(2))
    _before_the_record(monkeypatch, lambda: change(batch, actor=acting(staff)))
    take_turn(batch)
    assert creates(sandbox) == []
    assert Submission.objects.count() == 0
    assert set(states(batch)) == {"left_out" if change is control.stop else "ready"}
    assert batch.lease is None


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_row_that_is_corrected_just_before_the_record_is_not_sent_as_it_was(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, is_confirmed: bool
) -> None:
    batch = confirmed_batch(staff, people(1))
    row = batch.rows.get()
    changed = {"version": row.version + 1, **({"confirmed_version": row.version + 1} if is_confirmed else {})}
    _before_the_record(monkeypatch, lambda: BatchRow.objects.filter(pk=row.pk).update(**changed))
    take_turn(batch)
    assert creates(sandbox) == []


def test_lease_that_another_process_has_taken_prevents_the_send(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    taken = uuid.uuid4()
    _before_the_record(monkeypatch, lambda: Batch.objects.filter(pk=batch.pk).update(lease=taken))
    take_turn(batch)
    assert creates(sandbox) == []
    assert batch.lease == taken


def test_lease_that_has_ended_prevents_the_send(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    _before_the_record(monkeypatch, lambda: Batch.objects.filter(pk=batch.pk).update(leased_until=PAST))
    take_turn(batch)
    assert creates(sandbox) == []


def test_another_row_in_flight_prevents_the_send(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    other = clean(last_name="Other")
    _before_the_record(
        monkeypatch, lambda: store(staff, Outcome.SENDING, other, batch=uuid.uuid4(), batch_row=2)
    )
    take_turn(batch)
    assert creates(sandbox) == []


def _before_the_record(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Make a change when everything is read and the transaction of the record has not begun."""
    store_submission = submit._store_submission

    def changed(*given: Any, **named: Any) -> None:
        monkeypatch.setattr(submit, "_store_submission", store_submission)
        change()
        store_submission(*given, **named)

    monkeypatch.setattr(submit, "_store_submission", changed)
