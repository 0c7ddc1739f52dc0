"""Rows that are not sent although they were confirmed, and what becomes of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking import check
from apps.batches.checking.entries import RowEntry, validated
from apps.batches.checking.evaluation import evaluate as real_evaluate
from apps.batches.checking.findings import findings_of
from apps.batches.models import Batch, BatchRow, BatchState, OwnState
from apps.batches.sending import choosing, control, pace
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import shown_rows, states
from tests.support.batch_sending import checked_batch, confirmed_batch, data_of, people, send_all, take_turn
from tests.support.entries import creates, store
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_warning_that_nobody_confirmed_sets_its_row_aside_and_the_rest_goes_on(
    sandbox: SandboxServer, staff: User
) -> None:
    first, second, third = people(3)
    batch = confirmed_batch(staff, [first, replace(second, emails=()), third])
    send_all(batch)
    assert states(batch) == ["created", "attention", "created"]
    assert batch.state == BatchState.FINISHED
    row = batch.rows.get(number=3)
    found = findings_of(row)
    assert [one.code for one in found.warnings] == ["no_matching_identity"]
    assert len(creates(sandbox)) == 2


@pytest.mark.sql("new")
def test_warning_that_was_confirmed_is_overridden(sandbox: SandboxServer, staff: User) -> None:
    [one] = people(1)
    batch = checked_batch(staff, [replace(one, emails=())])
    batch.rows.update(accepted=["no_matching_identity"])
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    send_all(batch)
    assert states(batch) == ["created"]
    [requested] = data_of("consumer.create_requested")
    assert requested["overridden"] == ["no_matching_identity"]


@pytest.mark.sql("new")
def test_row_that_is_not_valid_any_more_needs_attention(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(2))
    row = batch.rows.get(number=2)
    row.values = {**(row.values or {}), "emails-0-value": "not an address"}
    row.save()
    send_all(batch)
    assert states(batch) == ["attention", "created"]
    row.refresh_from_db()
    found = findings_of(row)
    assert [one.field for one in found.errors] == ["emails-0-value"]


@pytest.mark.sql("repeated")
def test_rows_that_are_not_valid_any_more_are_checked_together(
    sandbox: SandboxServer, staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers = people(5)
    batch = confirmed_batch(staff, [*consumers[:3], replace(consumers[3], country="IE"), consumers[4]])
    settings.REQUIRED_FIELDS = (*settings.REQUIRED_FIELDS, "country")
    checks: list[object] = []

    def evaluate_counted(*given: Any) -> Any:
        checks.append(given)
        return real_evaluate(*given)

    monkeypatch.setattr(check, "evaluate", evaluate_counted)  # as it is imported there
    take_turn(batch)
    assert (states(batch), len(checks)) == (["attention"] * 3 + ["created", "ready"], 1)
    take_turn(batch)
    assert (states(batch)[4], len(checks), batch.state) == ("attention", 2, BatchState.FINISHED)


@pytest.mark.sql("new")
@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
def test_row_that_is_identical_to_an_open_submission_waits(
    sandbox: SandboxServer, staff: User, outcome: Outcome
) -> None:
    first, second = people(2)
    batch = confirmed_batch(staff, [first, second])
    open_ = store(staff, outcome, first)
    before = len(events("submission.repeat_blocked"))
    for _ in range(3):
        take_turn(batch)
    assert states(batch) == ["ready", "created"]
    assert batch.state == BatchState.SENDING
    assert batch.due_at is not None
    assert batch.due_at > clock.now() + dt.timedelta(seconds=pace.LATER - 3)
    assert len(events("submission.repeat_blocked")) == before
    _resolve_not_created(open_)
    send_all(batch)
    assert states(batch) == ["created", "created"]


def _resolve_not_created(submission: Submission) -> None:
    Submission.objects.filter(pk=submission.pk).update(
        outcome=Outcome.REJECTED,
        error_code="invalid",
        http_status=400,
        finished_at=clock.now(),
        next_check_at=None,
    )


@pytest.mark.sql("new")
@pytest.mark.sql("new")
def test_of_identical_rows_that_wait_only_the_first_is_validated(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless, other = people(2)
    batch = confirmed_batch(staff, [*[nameless] * 4, other])
    waiting = batch.rows.filter(number__lte=5)
    waiting.update(state=OwnState.READY, confirmed_version=F("version"))
    store(staff, Outcome.UNKNOWN, nameless)
    read: list[int] = []

    def counting(batch: Batch, row: BatchRow, **parts: Any) -> RowEntry:
        read.append(row.number)
        return validated(batch, row, **parts)

    monkeypatch.setattr(choosing, "validated", counting)
    found = choosing.next_row(batch)
    assert (isinstance(found, choosing.Chosen) and found.row.number, read) == (6, [2, 6])
    batch.rows.filter(number=6).delete()
    read.clear()
    assert (choosing.next_row(batch), read) == (choosing.NoRow.ALL_WAIT, [2])


def test_row_whose_content_was_created_meanwhile_is_already_sent(sandbox: SandboxServer, staff: User) -> None:
    first, second = people(2)
    batch = confirmed_batch(staff, [first, second])
    created = store(staff, Outcome.CREATED, first)
    send_all(batch)
    assert states(batch) == ["already_sent", "created"]
    assert batch.rows.get(number=2).earlier == created.public_id
    assert len(creates(sandbox)) == 1
