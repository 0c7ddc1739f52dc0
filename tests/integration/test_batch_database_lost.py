"""The database is lost during a turn, or a row cannot be decrypted."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking.check import recheck
from apps.batches.models import BatchState, PauseReason
from apps.batches.sending import control, run
from apps.consumers.models import Outcome
from apps.consumers.sending import storing, submit
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import resolve_as_not_created, states
from tests.support.batch_sending import confirmed_batch, people, send_all, take_turn
from tests.support.entries import creates, store
from tests.support.keys import new_encryption_key
from tests.support.people import TESTS, acting

pytestmark = pytest.mark.django_db


def test_lost_database_before_the_record_leaves_the_row_ready(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    with monkeypatch.context() as patch:
        patch.setattr(submit, "_store_submission", _lost)
        take_turn(batch)
    assert states(batch) == ["ready"]
    assert batch.lease is None
    send_all(batch)
    assert len(creates(sandbox)) == 1


def test_lost_database_at_the_end_of_a_turn_releases_the_lease_later(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(2))
    with monkeypatch.context() as patch:
        patch.setattr(run, "end_turn", _lost)
        with pytest.raises(OperationalError):
            take_turn(batch)
    assert states(batch) == ["created", "ready"]
    send_all(batch)
    assert states(batch) == ["created", "created"]
    assert len(creates(sandbox)) == 2


def test_outcome_that_is_not_stored_goes_through_the_spool(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(2))
    with monkeypatch.context() as patch:
        patch.setattr(storing, "store_outcome", _lost)
        take_turn(batch)
    assert states(batch) == ["sending", "ready"]
    assert not take_turn(batch)
    assert storing.drain_spool(TESTS) == 1
    send_all(batch)
    assert states(batch) == ["created", "created"]
    assert len(creates(sandbox)) == 2


def _lost(*_: object, **__: object) -> None:
    raise OperationalError("server closed the connection unexpectedly")


def test_row_that_cannot_be_decrypted_pauses_the_list_and_is_sent_once_the_key_is_there(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    batch = confirmed_batch(staff, people(2))
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_READABLE)
    assert states(batch) == ["ready", "ready"]
    settings.ENCRYPTION_KEYS = keys
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]


def test_row_to_be_checked_again_that_cannot_be_decrypted_pauses_the_list_after_the_others(
    sandbox: SandboxServer, staff: User
) -> None:
    [person, other] = people(2)
    batch = confirmed_batch(staff, [person, other])
    open_ = store(staff, Outcome.UNKNOWN, person)
    recheck(batch)
    resolve_as_not_created(open_, staff)
    assert states(batch) == ["unchecked", "ready"]
    again = batch.rows.filter(pk=batch.rows.earliest("number").pk)
    values = again.get().encrypted_values
    again.update(encrypted_values=b"of a key that no worker has")
    take_turn(batch)
    assert states(batch) == ["unchecked", "created"]
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_READABLE)
    assert states(batch) == ["unchecked", "created"]
    again.update(encrypted_values=values)
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]
