"""A confirmed list is sent row by row: once, and as the person who confirmed it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import replace

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches import leases, selectors
from apps.batches.models import BatchRow, BatchState, OwnState, RowState
from apps.batches.sending import control
from apps.batches.sending.run import send_next_due
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import sent_row, shown_rows, states
from tests.support.batch_sending import checked_batch, confirmed_batch, data_of, people, send_all, take_turn
from tests.support.entries import creates, store
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def last_names(sandbox: SandboxServer) -> list[str]:
    return [json.loads(one.body)["lastName"] for one in sandbox.sandbox.consumers(SAMPLE_ORDER)]


def test_confirmed_rows_are_created_one_after_the_other(sandbox: SandboxServer, staff: User) -> None:
    consumers = people(4)
    batch = confirmed_batch(staff, consumers)
    assert states(batch) == ["ready"] * 4
    send_all(batch)
    assert last_names(sandbox) == [one.last_name for one in consumers]
    assert states(batch) == ["created"] * 4
    assert batch.state == BatchState.FINISHED
    assert batch.lease is None
    made = [*selectors.submissions_of(batch)]
    assert [(one.batch_row, one.actor_id) for one in made] == [(n, staff.pk) for n in (2, 3, 4, 5)]
    assert {one.token for one in made} == {row.token for row in batch.rows.all()}


def test_events_name_the_rows_and_nobody(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(2))
    send_all(batch)
    named = {"batch": str(batch.public_id)}
    [confirmed] = events("batch.confirmed")
    assert (confirmed.actor_id, confirmed.order_ref) == (str(staff.pk), SAMPLE_ORDER)
    assert confirmed.details == {**named, "rows": 2}
    requested = data_of("consumer.create_requested")
    assert [(one["batch"], one["row"]) for one in requested] == [(str(batch.public_id), n) for n in (2, 3)]
    [finished] = events("batch.finished")
    assert finished.actor_name == "system:worker"
    counts = {state.value: 0 for state in RowState if state is not RowState.SENDING}
    assert finished.details == {**named, "rows": 2, **counts, "created": 2}


def test_counts_at_the_end_are_of_every_row(sandbox: SandboxServer, staff: User) -> None:
    consumers = people(6)
    batch = confirmed_batch(staff, consumers)
    of_others = {2: OwnState.LEFT_OUT, 3: OwnState.NEEDS_ATTENTION, 4: OwnState.UNCHECKED}
    for number, state in of_others.items():
        batch.rows.filter(number=number).update(state=state)
    sent_row(batch, 5, Outcome.NOT_CREATED, consumers[3])
    store(staff, Outcome.CREATED, consumers[4])
    send_all(batch)
    [finished] = data_of("batch.finished")
    counts = {state.value: finished[state.value] for state in RowState if state is not RowState.SENDING}
    assert counts == {
        **dict.fromkeys(counts, 0),
        **dict.fromkeys(("left_out", "attention", "unchecked", "not_created", "already_sent", "created"), 1),
    }
    assert sum(counts.values()) == finished["rows"] == 6


def test_events_of_a_row_have_the_session_of_the_confirmation_and_no_address(
    sandbox: SandboxServer, staff: User
) -> None:
    batch = checked_batch(staff, people(1))
    session = str(uuid.uuid4())
    actor = replace(acting(staff), session=session)
    control.confirm(batch, shown=shown_rows(batch), actor=actor, client=get_client())
    send_all(batch)
    [requested] = events("consumer.create_requested")
    assert (requested.session, requested.client_address, requested.actor_id) == (session, None, str(staff.pk))


def test_nothing_is_sent_before_the_confirmation(sandbox: SandboxServer, staff: User) -> None:
    batch = checked_batch(staff, people(2))
    assert not take_turn(batch)
    assert creates(sandbox) == []


@pytest.mark.sql("new")
def test_rows_are_sent_at_the_pace_of_the_setting(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    settings.BATCH_ROWS_PER_SECOND = 2
    batch = confirmed_batch(staff, people(3))
    began = clock.now()
    take_turn(batch)
    assert batch.due_at is not None
    assert batch.due_at >= began + dt.timedelta(seconds=0.5)
    assert leases.acquire(batch.due_at - dt.timedelta(milliseconds=1)) is None
    assert leases.acquire(batch.due_at) is not None


def test_stopping_worker_begins_no_row(sandbox: SandboxServer, staff: User) -> None:
    confirmed_batch(staff, people(1))
    assert not send_next_due(client=get_client(), stop=lambda: True)
    assert creates(sandbox) == []


def test_row_that_changed_after_the_confirmation_is_not_sent(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(2))
    first = batch.rows.get(number=2)
    BatchRow.objects.filter(pk=first.pk).update(version=first.version + 1)
    send_all(batch)
    assert states(batch) == ["ready", "created"]
    assert batch.state == BatchState.FINISHED
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert batch.state == BatchState.SENDING
    send_all(batch)
    assert states(batch) == ["created", "created"]
    assert len(events("batch.finished")) == 2
