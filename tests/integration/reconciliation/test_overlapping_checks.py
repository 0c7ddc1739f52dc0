"""Checks, and resolutions by a supervisor, that overlap: which result stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.cdp.errors import CdpTimeout
from apps.cdp.factory import get_client
from apps.consumers.models import CheckResult, Outcome, ResolutionReason, ResolvedHow, Submission
from apps.consumers.reconciliation import checks, findings
from apps.consumers.reconciliation.resolution import resolve
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import REF, posted, store, text
from tests.support.people import acting, events
from tests.support.reconciling import NEW, WORKER, check, lost, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = pytest.mark.django_db


def _resolve(submission: Submission, supervisor: User, ref: str = "") -> None:
    """Resolve it as created with this reference, or without one as not created."""
    resolve(
        fresh(submission),
        outcome=Outcome.CREATED if ref else Outcome.NOT_CREATED,
        reason=ResolutionReason.SEEN_IN_CDP if ref else ResolutionReason.VENDOR_CONFIRMED,
        note="",
        consumer_ref=ref,
        actor=acting(supervisor),
    )


def _while_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let this happen while the next check reads the order."""
    real = findings.read_order

    def slow(*args: Any) -> findings.Found:
        act()
        return real(*args)

    monkeypatch.setattr(findings, "read_order", slow)


@pytest.mark.parametrize(("outcome", "ref"), [(Outcome.CREATED, REF), (Outcome.NOT_CREATED, "")])
def test_resolution_during_a_check_stays_and_is_contradicted_by_the_consumer_that_the_check_finds(
    as_staff: Client,
    as_supervisor: Client,
    supervisor: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    ref: str,
) -> None:
    submission = lost(as_staff, sandbox)
    [created] = sandbox.sandbox.consumers(submission.order_ref)
    _while_reading(monkeypatch, lambda: _resolve(submission, supervisor, ref))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.consumer_ref) == (outcome, ref)
    assert found.resolved_how == ResolvedHow.BY_SUPERVISOR
    assert (found.late_outcome, found.late_consumer_ref, found.contradicted) == ("", created.ref, True)
    [event] = events("consumer.found_late")
    assert (event.details["result"], event.consumer_ref, event.guest_ref) == (
        "one",
        created.ref,
        created.guest_ref,
    )
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "A consumer was found after this was resolved" in page
    assert "A check of the order found a consumer that fits this submission" in page
    assert created.ref in page
    assert "answered that" not in page
    assert "Correct and send again" not in page
    on_timeline = page[page.index("found a consumer that the resolution does not have") :]
    assert "by reconciliation" in on_timeline[: on_timeline.index("</li>")]
    assert "1 contradicted after the resolution" in text(as_supervisor.get("/"))


@pytest.mark.parametrize("is_answer_first", [True, False])
def test_late_rejection_hides_no_consumer_that_a_check_found(
    as_staff: Client,
    as_supervisor: Client,
    supervisor: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    is_answer_first: bool,
) -> None:
    submission = lost(as_staff, sandbox)
    [created] = sandbox.sandbox.consumers(submission.order_ref)
    late = Result(Outcome.REJECTED, http_status=400, error_code="invalid")

    def resolve_as_not_created() -> None:
        _resolve(submission, supervisor)
        if is_answer_first:
            storing.store_outcome(fresh(submission), late, WORKER)

    _while_reading(monkeypatch, resolve_as_not_created)
    assert run_check()
    if not is_answer_first:
        storing.store_outcome(fresh(submission), late, WORKER)
    found = fresh(submission)
    assert (found.late_outcome, found.late_consumer_ref, found.contradicted) == (
        "rejected",
        created.ref,
        True,
    )
    assert found.known_outcome == Outcome.UNKNOWN
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "A consumer was found after this was resolved" in page
    assert "Mark as created" in page
    assert "Mark as not created" in page  # the supervisor may know that it is another one
    storing.store_outcome(fresh(submission), late, WORKER)  # read from the spool again
    assert len(events("consumer.late_answer")) == len(events("consumer.found_late")) == 1
    _resolve(submission, supervisor, created.ref)
    storing.store_outcome(fresh(submission), late, WORKER)
    assert not fresh(submission).contradicted


def test_entry_like_a_consumer_that_was_found_after_the_resolution_meets_a_warning_that_says_so(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    _while_reading(monkeypatch, lambda: _resolve(submission, supervisor))
    assert run_check()
    contradicted = text(as_staff.post(NEW, posted()))
    assert "The same consumer was sent to this order. The outcome is unknown." in contradicted
    _resolve(submission, supervisor)  # the supervisor overrules the check
    overruled = text(as_staff.post(NEW, posted()))
    assert "The same consumer was found on this order and then marked as not created." in overruled
    near = text(as_staff.post(NEW, posted(first_name="Aoifa Zaphodina")))
    assert "A similar consumer was found on this order and then marked as not created." in near


def test_check_that_began_before_the_last_result_contradicts_no_resolution(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real = findings.read_order

    def slow(*args: Any) -> findings.Found:
        monkeypatch.setattr(findings, "read_order", real)
        found = real(*args)
        add_elsewhere()
        check(as_staff, submission)  # finds several
        _resolve(submission, supervisor)
        return found

    monkeypatch.setattr(findings, "read_order", slow)
    check(as_staff, submission)
    assert not fresh(submission).contradicted
    assert [event.details["result"] for event in events("consumer.checked")] == ["several", "one"]


def test_resolution_during_a_check_is_confirmed_by_the_consumer_that_the_check_finds(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    [created] = sandbox.sandbox.consumers(submission.order_ref)
    _while_reading(monkeypatch, lambda: _resolve(submission, supervisor, created.ref))
    assert run_check()
    found = fresh(submission)
    assert (found.late_outcome, found.contradicted) == ("", False)
    assert len(events("consumer.resolved")) == len(events("consumer.checked")) == 1


def test_failed_check_keeps_the_result_of_a_check_that_ended_meanwhile(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    real = findings.read_order

    def slow(*_: object) -> findings.Found:
        monkeypatch.setattr(findings, "read_order", real)
        assert "Possible duplicate" in check(as_staff, submission)
        raise CdpTimeout("total_timeout")

    monkeypatch.setattr(findings, "read_order", slow)
    page = check(as_staff, submission)
    found = fresh(submission)
    assert (found.check_result, found.failed_check_count) == (CheckResult.SEVERAL, 0)
    assert "Possible duplicate" in page
    assert "The last check could not read the order" not in page
    assert len(events("consumer.check_failed")) == 1


def test_slow_check_keeps_the_result_of_a_check_that_began_later(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real = findings.read_order

    def slow(*arguments: Any) -> findings.Found:
        monkeypatch.setattr(findings, "read_order", real)
        found = real(*arguments)
        add_elsewhere()
        assert "Possible duplicate" in check(as_staff, submission)
        return found

    monkeypatch.setattr(findings, "read_order", slow)
    page = check(as_staff, submission)
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert len(found.matching_refs) == 2
    assert "Possible duplicate" in page
    assert [event.details["result"] for event in events("consumer.checked")] == ["several", "one"]


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_failed_check_is_on_record_although_the_submission_was_resolved_meanwhile(
    staff: User,
    supervisor: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    is_asked_for: bool,
) -> None:
    due: dict[str, Any] = {} if is_asked_for else {"next_check_at": clock.now()}
    submission = store(staff, Outcome.UNKNOWN, **due)

    def timeout(*_args: Any) -> findings.Found:
        _resolve(submission, supervisor)
        raise CdpTimeout

    monkeypatch.setattr(findings, "read_order", timeout)
    if is_asked_for:
        checks.check_now(submission, actor=acting(staff), client=get_client())
    else:
        assert run_check()
    [event] = events("consumer.check_failed")
    assert event.actor_id == (str(staff.pk) if is_asked_for else None)
    found = fresh(submission)
    assert (found.outcome, found.failed_check_count, found.last_check_at) == (Outcome.NOT_CREATED, 0, None)
