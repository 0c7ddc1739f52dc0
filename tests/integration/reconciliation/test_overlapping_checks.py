"""Checks, and resolutions by a supervisor, that overlap: which result stays."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.cdp.errors import CdpTimeout
from apps.consumers.models import CheckResult, Outcome, ResolutionReason, ResolvedHow
from apps.consumers.reconciliation import findings
from apps.consumers.reconciliation.resolution import resolve
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import REF, text
from tests.support.people import acting, events
from tests.support.reconciling import check, lost, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("outcome", "reason", "ref"),
    [
        (Outcome.CREATED, ResolutionReason.SEEN_IN_CDP, REF),
        (Outcome.NOT_CREATED, ResolutionReason.VENDOR_CONFIRMED, ""),
    ],
)
def test_resolution_during_a_check_stays_and_is_contradicted_by_the_consumer_that_the_check_finds(
    as_staff: Client,
    as_supervisor: Client,
    supervisor: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    reason: ResolutionReason,
    ref: str,
) -> None:
    submission = lost(as_staff, sandbox)
    [created] = sandbox.sandbox.consumers(submission.order_ref)
    real = findings.read_order

    def slow(*args: Any) -> findings.Found:
        resolve(
            submission, outcome=outcome, reason=reason, note="", consumer_ref=ref, actor=acting(supervisor)
        )
        return real(*args)

    monkeypatch.setattr(findings, "read_order", slow)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.consumer_ref) == (outcome, ref)
    assert found.resolved_how == ResolvedHow.BY_SUPERVISOR
    assert (found.late_outcome, found.late_consumer_ref, found.contradicted) == ("created", created.ref, True)
    [event] = events("consumer.checked")
    assert (event.details["result"], event.consumer_ref) == ("one", created.ref)
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "An answer arrived after this was resolved" in page
    assert "Correct and send again" not in page


def test_resolution_during_a_check_is_confirmed_by_the_consumer_that_the_check_finds(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    [created] = sandbox.sandbox.consumers(submission.order_ref)
    real = findings.read_order

    def slow(*args: Any) -> findings.Found:
        resolve(
            submission,
            outcome=Outcome.CREATED,
            reason=ResolutionReason.SEEN_IN_CDP,
            note="",
            consumer_ref=created.ref,
            actor=acting(supervisor),
        )
        return real(*args)

    monkeypatch.setattr(findings, "read_order", slow)
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
