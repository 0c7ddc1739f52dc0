"""How long lists wait after Sitecore CDP has received too many requests."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from django.db.models import F
from django.test import Client

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.models import Batch, BatchState, PauseReason
from apps.batches.sending import control, pace, run
from apps.cdp.factory import get_client
from apps.consumers.models import Submission
from apps.consumers.reconciliation import circuit_breaker
from apps.core import clock, heartbeats
from sandbox.api.answers import Answer, as_html, error
from sandbox.data.seed import FAMILY_ORDER
from sandbox.faults.armed import Armed
from sandbox.faults.catalogue import REQUEST_FAULTS, RETRY_AFTER_SECONDS
from sandbox.faults.damage import always
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import states
from tests.support.batch_sending import PAST, confirmed_batch, people, send_all, take_turn
from tests.support.entries import clean, creates, text
from tests.support.people import acting
from tests.support.submitting import submit_anyway

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


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


def test_receipt_of_a_row_that_was_too_much_asks_nobody_to_send_it_again(
    as_staff: Client, sandbox: SandboxServer, staff: User
) -> None:
    sandbox.sandbox.faults.arm(Armed("429_plain"))
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    [limited] = selectors.submissions_of(batch)
    page = text(as_staff.get(f"/submissions/{limited.public_id}/"))
    assert "A list sends such a row again unless it is stopped." in page
    for advice in ("in a minute", "Correct and send again"):
        assert advice not in page
    send_all(batch)
    created = Submission.objects.get(resubmission_of=limited)
    assert f'href="/submissions/{created.public_id}/"' in text(
        as_staff.get(f"/submissions/{limited.public_id}/")
    )


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
    assert selectors.asked_to_wait_until(now, at_most=circuit_breaker.LONGEST_ASKED) == ends[0]
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
    _answered_before(circuit_breaker.LONGEST_ASKED + 1)
    assert selectors.asked_to_wait_until(clock.now(), at_most=circuit_breaker.LONGEST_ASKED) is None
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
    assert 3500 < (batch.due_at - began).total_seconds() <= circuit_breaker.LONGEST_ASKED
    _answered_before(circuit_breaker.LONGEST_ASKED)
    send_all(batch)
    assert states(batch) == ["created"]
