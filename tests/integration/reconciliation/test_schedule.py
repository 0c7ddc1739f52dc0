"""When an order is read again by itself: until the last check, after a failure and after a lost process."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from apps.consumers.models import CheckResult, Outcome
from apps.consumers.reconciliation import circuit_breaker, findings
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import clean, text
from tests.support.people import events
from tests.support.reconciling import lost, make_due, run_check
from tests.support.resolving import fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_after_the_last_check_the_submission_stays_unknown_and_pinned(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION_AFTER = [0.001]
    submission = lost(as_staff, sandbox, done=False)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_count, found.next_check_at) == (Outcome.UNKNOWN, 1, None)
    assert not run_check()
    assert str(submission.public_id) in text(as_supervisor.get("/"))
    assert "a supervisor checks the order" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert [event.details["result"] for event in events("consumer.checked")] == ["none"]


def test_consumer_listed_late_is_found_by_a_later_check(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 3600})
    submission = lost(as_staff, sandbox)
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NONE
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 0})
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.sql("new")
def test_failing_vendor_is_asked_once_per_pause(as_staff: Client, sandbox: SandboxServer) -> None:
    unknown = [lost(as_staff, sandbox, clean(last_name=f"No {number}")) for number in range(6)]
    sandbox.stop()
    taken = 0
    for _ in range(3 * len(unknown)):
        for submission in unknown:
            make_due(submission)
        taken += run_check()
    assert taken == circuit_breaker.FAILURE_THRESHOLD
    assert circuit_breaker.state().failures == circuit_breaker.FAILURE_THRESHOLD
    sandbox.start()


@pytest.mark.sql("new")
def test_check_of_a_lost_process_is_due_again_after_its_lease(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(findings, "read_order", killed)
        with pytest.raises(KeyboardInterrupt):
            run_check()
    found = fresh(submission)
    assert found.outcome == Outcome.UNKNOWN
    assert found.next_check_at is not None
    assert not run_check(), "The lease holds"
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED
