"""A confirmed list is sent row by row: once, as the person who confirmed it, and never after a stop."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.registry import EventOutcome
from apps.batches import leases, selectors
from apps.batches.audit_events import BATCH_PAUSED
from apps.batches.checking import check
from apps.batches.checking.check import recheck
from apps.batches.checking.evaluation import evaluate as real_evaluate
from apps.batches.checking.findings import Findings
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, PauseReason, RowState
from apps.batches.sending import changing, control, pace, run
from apps.batches.sending.run import send_next_due
from apps.cdp.factory import get_client
from apps.consumers.models import CircuitBreaker, Outcome, Submission
from apps.consumers.sending import storing, submit
from apps.core import clock, heartbeats, personal_data
from sandbox.api.answers import Answer, as_html, error
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.faults.catalogue import REQUEST_FAULTS, RETRY_AFTER_SECONDS
from sandbox.faults.damage import always
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import resolve_as_not_created, sent_row, shown_rows, states
from tests.support.batch_sending import (
    PAST,
    checked_batch,
    confirmed_batch,
    people,
    send_all,
    take_turn,
)
from tests.support.cdp_clients import far_deadline
from tests.support.entries import clean, creates, store
from tests.support.keys import new_encryption_key
from tests.support.people import TESTS, acting, events, make_person
from tests.support.submitting import submit_anyway

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def last_names(sandbox: SandboxServer) -> list[str]:
    return [json.loads(one.body)["lastName"] for one in sandbox.sandbox.consumers(SAMPLE_ORDER)]


def data_of(action: str) -> list[dict[str, Any]]:
    return [one.details for one in events(action)]


# --- Sending ----------------------------------------------------------------------------------------
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


# --- Confirming ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("left_out", [[], [2], [2, 4]])
def test_other_rows_than_shown_are_refused(sandbox: SandboxServer, staff: User, left_out: list[int]) -> None:
    batch = checked_batch(staff, people(4))
    changing.leave_out(batch, [3], actor=acting(staff))
    seen = shown_rows(batch)
    # Also as many others, as in another tab.
    changing.take_back_in(batch, [3], actor=acting(staff))
    changing.leave_out(batch, left_out, actor=acting(staff))
    with pytest.raises(control.RowsChanged) as refused:
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())
    assert refused.value.rows == 4 - len(left_out)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert events("batch.confirmed") == []


def test_row_that_was_corrected_since_it_was_shown_is_refused(sandbox: SandboxServer, staff: User) -> None:
    batch = checked_batch(staff, people(2))
    seen = shown_rows(batch)
    BatchRow.objects.filter(batch=batch, number=2).update(version=2)
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())


@pytest.mark.sql("new")
def test_second_confirmation_of_the_same_rows_is_refused(sandbox: SandboxServer, staff: User) -> None:
    batch = checked_batch(staff, people(2))
    seen = shown_rows(batch)
    control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())


@pytest.mark.parametrize("state", [BatchState.MATCHING, BatchState.STOPPED])
def test_batch_that_cannot_be_confirmed(sandbox: SandboxServer, staff: User, state: BatchState) -> None:
    batch = checked_batch(staff, people(1), state=state)
    with pytest.raises(control.NotInThisState) as refused:
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert refused.value.state == state


def test_only_its_own_person_confirms_more_rows_while_it_is_being_sent(
    sandbox: SandboxServer, staff: User, supervisor: User
) -> None:
    batch = confirmed_batch(staff, people(2))
    first = batch.rows.get(number=2)
    BatchRow.objects.filter(pk=first.pk).update(version=first.version + 1)
    with pytest.raises(control.NotInThisState):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(supervisor), client=get_client())
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert selectors.rows_to_send(batch).count() == 2


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("changed_by", ["portal", "vendor"])
def test_order_that_changed_since_the_check_stops_the_confirmation(
    sandbox: SandboxServer,
    staff: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    changed_by: str,
) -> None:
    settings.CDP_RECONCILIATION = True
    listed = get_client().read_order_consumers(SAMPLE_ORDER, within=2, details=False)
    consumers = people(3)
    batch = checked_batch(staff, consumers, refs_at_check=list(listed.refs))
    if changed_by == "portal":
        submit_anyway(SAMPLE_ORDER, clean(last_name="Meanwhile"), staff, get_client())
    else:
        elsewhere = clean(last_name="Elsewhere")
        get_client().create_order_consumer(SAMPLE_ORDER, elsewhere, deadline=far_deadline())
    checked = []

    def check_again(again: Batch, *, client: object) -> None:
        checked.append(again.pk)
        again.rows.filter(number=3).update(state=OwnState.NEEDS_ATTENTION)

    monkeypatch.setattr(control, "check_batch", check_again)
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert result == control.ConfirmResult(0, (3,))
    assert checked == [batch.pk]
    assert batch.state == BatchState.CHECKED
    assert events("batch.confirmed") == []


@pytest.mark.sql("new")
def test_order_that_did_not_change_is_not_checked_again(
    sandbox: SandboxServer, staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    listed = get_client().read_order_consumers(SAMPLE_ORDER, within=2, details=False)
    batch = checked_batch(staff, people(2), refs_at_check=list(listed.refs))
    monkeypatch.setattr(control, "check_batch", lambda *_, **__: pytest.fail("checked again"))
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert result == control.ConfirmResult(2)


@pytest.mark.sql("new")
@pytest.mark.parametrize("change", [{"version": 2}, {"state": OwnState.LEFT_OUT, "version": 2}])
def test_row_that_changes_during_the_confirmation_is_not_confirmed(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    batch = checked_batch(staff, people(3))
    monkeypatch.setattr(control, "_has_changed", lambda *_: not batch.rows.filter(number=3).update(**change))
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert not batch.rows.exclude(confirmed_version=None).exists()


# --- Rows that are not sent ---------------------------------------------------------------------------
def test_warning_that_nobody_confirmed_sets_its_row_aside_and_the_rest_goes_on(
    sandbox: SandboxServer, staff: User
) -> None:
    first, second, third = people(3)
    batch = confirmed_batch(staff, [first, replace(second, emails=()), third])
    send_all(batch)
    assert states(batch) == ["created", "attention", "created"]
    assert batch.state == BatchState.FINISHED
    row = batch.rows.get(number=3)
    found = Findings.from_json(personal_data.readable_text(row, "encrypted_findings"))
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
    found = Findings.from_json(personal_data.readable_text(row, "encrypted_findings"))
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
def test_row_whose_content_was_created_meanwhile_is_already_sent(sandbox: SandboxServer, staff: User) -> None:
    first, second = people(2)
    batch = confirmed_batch(staff, [first, second])
    created = store(staff, Outcome.CREATED, first)
    send_all(batch)
    assert states(batch) == ["already_sent", "created"]
    assert batch.rows.get(number=2).earlier == created.public_id
    assert len(creates(sandbox)) == 1


# --- Outcomes -----------------------------------------------------------------------------------------
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


def test_too_many_requests_slow_down_and_the_row_is_sent_again(sandbox: SandboxServer, staff: User) -> None:
    sandbox.sandbox.faults.arm(Armed("429_plain"))
    batch = confirmed_batch(staff, people(3))
    token = batch.rows.get(number=2).token
    began = clock.now()
    take_turn(batch)
    assert states(batch) == ["ready"] * 3
    assert batch.rows.get(number=2).token != token
    assert batch.due_at is not None
    assert batch.due_at >= began + dt.timedelta(seconds=pace.FIRST_WAIT)
    assert (batch.pause_ms, batch.limited_in_a_row) == (pace.FIRST_SLOWER, 1)
    take_turn(batch)
    assert (batch.pause_ms, batch.limited_in_a_row) == (400, 0)
    send_all(batch)
    assert states(batch) == ["created"] * 3
    limited, *others = selectors.submissions_of(batch)
    assert (limited.outcome, limited.error_code) == ("rejected", "rate_limited")
    assert [one.resubmission_of_id for one in others] == [limited.pk, None, None]


@pytest.mark.sql("new")
def test_row_that_was_too_much_is_ready_again_also_if_its_process_died(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.sandbox.faults.arm(Armed("429_plain"))
    batch = confirmed_batch(staff, people(2))
    with monkeypatch.context() as patch:
        patch.setattr(run, "end_turn", _killed)
        with pytest.raises(SystemExit):
            take_turn(batch)
    assert states(batch) == ["rejected", "ready"]
    take_turn(batch)
    assert states(batch) == ["ready", "ready"]
    assert batch.limited_in_a_row == 1
    send_all(batch)
    assert states(batch) == ["created", "created"]


def _killed(*_: object, **__: object) -> None:
    raise SystemExit


def test_too_many_requests_five_times_pause_the_batch(sandbox: SandboxServer, staff: User) -> None:
    for _ in range(5):
        sandbox.sandbox.faults.arm(Armed("429_plain"))
    batch = confirmed_batch(staff, people(2))
    send_all(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.RATE_LIMITED)
    assert states(batch) == ["ready", "ready"]
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]


def _answered_before(seconds: float) -> None:
    """Let the time pass since the vendor's answers."""
    passed = dt.timedelta(seconds=seconds)
    Submission.objects.update(submitted_at=F("submitted_at") - passed, finished_at=F("finished_at") - passed)


def _progress(client: Client, batch: Batch) -> tuple[str, str]:
    """The part of the page that a script asks for, and what of it is announced."""
    part = client.get(f"/batches/{batch.public_id}/progress/").content.decode()
    [announced] = re.findall('role="status" data-live="announced">([^<]*)<', part)
    return part, announced


@pytest.mark.sql("new")
@pytest.mark.parametrize("fault", ["429", "429_date"])
def test_vendor_says_when_the_next_row_may_be_sent(
    sandbox: SandboxServer, staff: User, fault: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.sandbox.faults.arm(Armed(fault))
    batch, another = confirmed_batch(staff, people(1)), confirmed_batch(staff, people(1), order=FAMILY_ORDER)
    take_turn(batch)
    for waiting in (batch, another):  # its limit is for the portal, not for one order
        began = clock.now()
        take_turn(waiting)
        assert len(creates(sandbox)) == 1
        assert waiting.due_at is not None
        assert 25 < (waiting.due_at - began).total_seconds() <= RETRY_AFTER_SECONDS + 1
    client.force_login(staff)
    heartbeats.record_heartbeat(heartbeats.WORKER)
    page, announced = _progress(client, batch)
    assert "Waiting for Sitecore CDP. The next row is sent at " in page
    assert announced.startswith("0 % done. Waiting for Sitecore CDP. The next row is sent at ")
    soon = clock.now() + dt.timedelta(seconds=1)
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: soon)
        assert _progress(client, batch)[1] == announced  # a text that stays is not read out again
    _answered_before(RETRY_AFTER_SECONDS + 1)
    Batch.objects.update(due_at=PAST)
    assert _progress(client, batch)[1] == "0 % done"
    for waiting in (batch, another):
        send_all(waiting)
        assert states(waiting) == ["created"]


@pytest.mark.sql("new")
def test_entry_of_the_form_that_was_too_much_holds_lists_up(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    sandbox.sandbox.faults.arm(Armed("429"))
    submit_anyway(FAMILY_ORDER, clean(), staff, get_client())
    take_turn(batch)
    assert len(creates(sandbox)) == 1
    assert states(batch) == ["ready"]


@pytest.mark.sql("new")
def test_longest_wait_that_the_vendor_asked_for_holds(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    now = clock.now()
    ends = []
    # The longest was asked for by the answer to a send that began last, and was finished first.
    for began, finished, seconds in ((0, 1, 900), (-30, 2, 30), (-40, 3, 120), (-20, 4, 0)):
        sandbox.sandbox.faults.arm(Armed("429"))
        one = submit_anyway(FAMILY_ORDER, clean(), staff, get_client())
        ends.append(now + dt.timedelta(seconds=finished + seconds))
        Submission.objects.filter(pk=one.pk).update(
            submitted_at=now + dt.timedelta(seconds=began),
            finished_at=now + dt.timedelta(seconds=finished),
            retry_after=seconds,
        )
    assert selectors.asked_to_wait_until(now, at_most=pace.LONGEST_ASKED) == ends[0]
    assert selectors.asked_to_wait_until(now, at_most=60) == now + dt.timedelta(seconds=63)
    take_turn(batch)
    assert states(batch) == ["ready"]
    assert batch.due_at is not None
    assert 800 < (batch.due_at - now).total_seconds() <= 901


@pytest.mark.sql("new")
def test_wait_that_was_asked_for_long_ago_is_over(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    sandbox.sandbox.faults.arm(Armed("429"))
    submit_anyway(FAMILY_ORDER, clean(), staff, get_client())
    Submission.objects.update(retry_after=86_400)
    _answered_before(pace.LONGEST_ASKED + 1)
    assert selectors.asked_to_wait_until(clock.now(), at_most=pace.LONGEST_ASKED) is None
    send_all(batch)
    assert states(batch) == ["created"]


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    "answer",
    [
        as_html(503, "503 Service Unavailable"),
        as_html(429, "429"),
        error(503, "x", "x"),
        error(422, "x", "x"),
    ],
    ids=["503 of a proxy", "429 of a proxy", "503", "422"],
)
def test_retry_after_of_another_answer_does_not_hold_lists_up(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    batch = confirmed_batch(staff, people(1))
    asking = replace(answer, headers=(*answer.headers, ("Retry-After", "3600")))
    monkeypatch.setitem(REQUEST_FAULTS, "422", replace(REQUEST_FAULTS["422"], script=always(asking)))
    sandbox.sandbox.faults.arm(Armed("422"))
    one = submit_anyway(FAMILY_ORDER, clean(), staff, get_client())
    assert (one.http_status, one.retry_after) == (answer.status, 3600)
    send_all(batch)
    assert states(batch) == ["created"]


@pytest.mark.sql("new")
def test_vendor_is_not_waited_for_longer_than_an_hour(sandbox: SandboxServer, staff: User) -> None:
    sandbox.sandbox.faults.arm(Armed("429"))
    batch = confirmed_batch(staff, people(1))
    take_turn(batch)
    Submission.objects.update(retry_after=86_400)
    began = clock.now()
    take_turn(batch)
    assert batch.due_at is not None
    assert 3500 < (batch.due_at - began).total_seconds() <= pace.LONGEST_ASKED
    _answered_before(pace.LONGEST_ASKED)
    send_all(batch)
    assert states(batch) == ["created"]


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


# --- The person ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("change", ["deactivated", "another role"])
def test_person_who_may_no_longer_send_pauses_the_batch(
    sandbox: SandboxServer, staff: User, supervisor: User, change: str
) -> None:
    make_person("ada", "administrator")
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    if change == "deactivated":
        services.deactivate_person(person_id=staff.pk, actor=TESTS)
    else:
        services.revoke_role(person_id=staff.pk, role="staff", actor=TESTS)
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_PERMITTED)
    assert states(batch) == ["created", "ready"]
    with pytest.raises(control.ConfirmerNotPermitted):
        control.resume(batch, actor=acting(supervisor))
    batch.refresh_from_db()
    assert batch.state == BatchState.PAUSED


@pytest.mark.sql("new")
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


# --- Pause, resume and stop -----------------------------------------------------------------------------
def test_paused_batch_sends_nothing_until_it_is_resumed(
    sandbox: SandboxServer, staff: User, supervisor: User
) -> None:
    batch = confirmed_batch(staff, people(3))
    take_turn(batch)
    control.pause(batch, actor=acting(supervisor))
    [paused] = events("batch.paused")
    assert (paused.actor_id, BATCH_PAUSED.outcome) == (str(supervisor.pk), EventOutcome.DONE)
    assert events("batch.paused_by_portal") == []
    assert not take_turn(batch)
    assert states(batch) == ["created", "ready", "ready"]
    control.resume(batch, actor=acting(supervisor))
    [resumed] = events("batch.resumed")
    assert (resumed.actor_id, resumed.details["rows"]) == (str(supervisor.pk), 2)
    send_all(batch)
    assert {one.actor_id for one in selectors.submissions_of(batch)} == {staff.pk}


def test_stopped_batch_sends_nothing_any_more(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(3))
    take_turn(batch)
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["created", "left_out", "left_out"]
    [stopped] = data_of("batch.stopped")
    assert stopped["rows"] == 2
    assert not take_turn(batch)
    for change in (control.pause, control.resume, control.stop):
        with pytest.raises(control.NotInThisState):
            change(batch, actor=acting(staff))
    with pytest.raises(control.NotInThisState):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
def test_lease_that_another_process_has_taken_prevents_the_send(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    taken = uuid.uuid4()
    _before_the_record(monkeypatch, lambda: Batch.objects.filter(pk=batch.pk).update(lease=taken))
    take_turn(batch)
    assert creates(sandbox) == []
    assert batch.lease == taken


@pytest.mark.sql("new")
def test_lease_that_has_ended_prevents_the_send(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    _before_the_record(monkeypatch, lambda: Batch.objects.filter(pk=batch.pk).update(leased_until=PAST))
    take_turn(batch)
    assert creates(sandbox) == []


@pytest.mark.sql("new")
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


# --- One row in flight per order -----------------------------------------------------------------------
@pytest.mark.sql("new")
def test_batches_for_one_order_are_sent_one_at_a_time(sandbox: SandboxServer, staff: User) -> None:
    first = confirmed_batch(staff, people(1))
    second = confirmed_batch(staff, people(1, first=10), order=SAMPLE_ORDER.upper())
    third = confirmed_batch(staff, people(1, first=20), order=FAMILY_ORDER)
    now = clock.now()
    held = leases.acquire(now)
    assert held is not None
    assert held.pk == first.pk
    other = leases.acquire(now)
    assert other is not None
    assert other.pk == third.pk
    assert leases.acquire(now) is None
    second.refresh_from_db()
    assert second.lease is None


@pytest.mark.sql("new")
def test_expired_lease_of_another_batch_is_ended(sandbox: SandboxServer, staff: User) -> None:
    first = confirmed_batch(staff, people(1))
    second = confirmed_batch(staff, people(1, first=10))
    Batch.objects.filter(pk=first.pk).update(lease=uuid.uuid4(), leased_until=PAST)
    control.pause(first, actor=acting(staff))
    held = leases.acquire(clock.now())
    assert held is not None
    assert held.pk == second.pk
    first.refresh_from_db()
    assert first.lease is None


@pytest.mark.sql("new")
def test_order_waits_for_a_row_whose_process_died(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    lost = store(staff, Outcome.SENDING, clean(last_name="Lost"), batch=uuid.uuid4(), batch_row=7)
    assert not take_turn(batch)
    Submission.objects.filter(pk=lost.pk).update(
        outcome=Outcome.UNKNOWN, finished_at=clock.now(), error_code="process_lost"
    )
    send_all(batch)
    assert states(batch) == ["created"]


# --- The database ----------------------------------------------------------------------------------------
@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
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
