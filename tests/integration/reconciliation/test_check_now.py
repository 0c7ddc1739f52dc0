"""Check now on the receipt: who may, when it is refused, and when the page reloads itself."""

from __future__ import annotations

import datetime
import re

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.errors import CdpRateLimited
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import checks, circuit_breaker
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import lookup_slots_taken
from tests.support.entries import clean, store, text
from tests.support.people import events
from tests.support.reconciling import WORKER, check, lost, run_check
from tests.support.resolving import fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_check_now_reads_the_order_for_the_author(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    assert "Check now" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in check(as_staff, submission)
    [event] = events("consumer.resolved")
    assert event.actor_name == "Sam Person"


def test_check_now_leaves_a_slot_to_creates(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    submission = lost(as_staff, sandbox)
    asked = len(sandbox.sandbox.requests())
    with lookup_slots_taken(settings):
        check(as_staff, submission)
    [event] = events("consumer.check_failed")
    assert event.details == {"error_code": "busy"}
    assert len(sandbox.sandbox.requests()) == asked


def test_check_now_is_rate_limited(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox, done=False)
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(seconds=2))
    asked = len(sandbox.sandbox.requests())
    check(as_staff, submission)
    once = len(sandbox.sandbox.requests()) - asked
    assert "Checked moments ago. Try again in a few seconds." in check(as_staff, submission)
    assert len(sandbox.sandbox.requests()) - asked == once


def test_without_reconciliation_there_is_no_check_now_and_no_call(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = False
    submission = lost(as_staff, sandbox)
    assert "Check now" not in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    check(as_staff, submission)
    assert not run_check()
    assert len(sandbox.sandbox.requests()) == 1
    assert submission.refs_before is None
    assert fresh(submission).next_check_at is None


def test_check_now_needs_permission_to_see_the_submission(
    as_staff: Client, as_administrator: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    assert as_administrator.post(f"/submissions/{submission.public_id}/check/").status_code == 403
    assert as_staff.get(f"/submissions/{submission.public_id}/check/").status_code == 405


@pytest.mark.sql("new")
def test_check_that_the_circuit_breaker_refuses_leaves_the_submission_as_it_was(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    before = fresh(submission)
    monkeypatch.setattr(circuit_breaker, "acquire", lambda _now: False)
    with pytest.raises(checks.CheckNotRun):
        checks.check_now(before, actor=WORKER, client=get_client())
    after = fresh(submission)
    assert (after.check_claimed_at, after.next_check_at) == (before.check_claimed_at, before.next_check_at)


def test_check_now_during_a_pause_shows_its_end_and_reason(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    circuit_breaker.record_failure(CdpRateLimited(retry_after=600.0), datetime.datetime.now(datetime.UTC))
    said = r"Checks are paused until \d\d:\d\d:\d\d\. Sitecore CDP received too many requests\.\s*<"
    page = check(as_staff, submission)
    assert re.search(said, page)
    assert "Sitecore CDP does not answer" not in page
    assert fresh(submission).check_count == 0


@pytest.mark.once
def test_page_reloads_itself_only_while_a_result_is_expected(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, settings: Settings, staff: User
) -> None:
    settings.CDP_RECONCILIATION_AFTER = [30]
    receipt = f"/submissions/{lost(as_staff, sandbox).public_id}/"
    assert 30 <= int(as_staff.get(receipt)["Refresh"]) <= 40
    assert "Refresh" not in as_supervisor.get(receipt), "A form in use is not reloaded"
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10)
    Submission.objects.update(next_check_at=long_ago)
    page = as_staff.get(receipt)
    assert "Refresh" not in page
    assert "should have read the order by now" in text(page)
    settings.CDP_RECONCILIATION = False
    assert "Refresh" not in as_staff.get(receipt)
    stuck = store(staff, Outcome.SENDING, clean(), deadline=long_ago)
    assert "Refresh" not in as_staff.get(f"/submissions/{stuck.public_id}/")
