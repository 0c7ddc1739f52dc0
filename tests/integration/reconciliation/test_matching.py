"""Which consumer of the order a check takes as created: the only new one that matches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from pytest_django import Settings

from apps.consumers.models import CheckResult, Outcome, ResolvedHow, Submission
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, creates, posted, text
from tests.support.keys import new_encryption_key
from tests.support.people import events
from tests.support.reconciling import NEW, lost, make_due, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_new_matching_consumer_is_taken_as_created_with_its_evidence(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(clean())
    before = [consumer.ref for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER)]
    submission = lost(as_staff, sandbox)
    assert run_check()
    found = fresh(submission)
    [new] = [c for c in sandbox.sandbox.consumers(SAMPLE_ORDER) if c.ref not in before]
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, new.ref)
    assert (found.resolved_how, found.resolved_by, found.next_check_at) == (
        ResolvedHow.BY_RECONCILIATION,
        None,
        None,
    )
    assert (found.refs_before, found.matching_refs, found.check_result) == (
        before,
        [new.ref],
        CheckResult.ONE,
    )
    assert found.answer is not None
    assert found.guest_ref
    [event] = events("consumer.resolved")
    assert (event.consumer_ref, event.actor_name) == (new.ref, "system:worker")
    assert event.details == {
        "previous_outcome": "unknown",
        "outcome": "created",
        "reason": "reconciliation",
        "result": "one",
        "before": 1,
        "matching": 1,
        "different": 0,
    }
    assert not run_check()
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in page
    assert "Confirmed by reconciliation" in page
    assert len(creates(sandbox)) == 2


def test_consumer_from_before_the_send_is_not_ours(as_staff: Client, sandbox: SandboxServer) -> None:
    add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NONE)
    assert (found.matching_refs, found.different_refs) == ([], [])


def test_new_differing_consumer_is_shown_and_not_taken(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    other = add_elsewhere(replace(FULL, passport_number="X1"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.different_refs) == (
        Outcome.UNKNOWN,
        CheckResult.NONE,
        [other.ref],
    )
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "but not every field matches" in page
    assert f'href="/order-consumers/{other.ref}/"' in page


def test_several_matches_are_a_suspected_duplicate_for_a_supervisor(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert sorted(found.matching_refs) == sorted(c.ref for c in sandbox.sandbox.consumers(SAMPLE_ORDER))
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "Possible duplicate" in page
    for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER):
        assert f'href="/order-consumers/{consumer.ref}/"' in page
    assert "Possible duplicate" in text(as_supervisor.get("/submissions/"))


def test_undecryptable_submission_is_not_compared(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    submission = lost(as_staff, sandbox)
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NOT_COMPARED
    assert "encryption key" in text(as_staff.get(f"/submissions/{submission.public_id}/"))


@pytest.mark.sql("new")
def test_references_are_compared_without_case_and_dashes(as_staff: Client, sandbox: SandboxServer) -> None:
    twin = add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    for spelling in (twin.ref.upper(), twin.ref.replace("-", "")):
        Submission.objects.filter(pk=submission.pk).update(refs_before=[spelling])
        make_due(submission)
        assert run_check()
        assert fresh(submission).check_result == CheckResult.NONE


def test_two_consumers_of_one_request_are_a_suspected_duplicate(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("doubled_no_answer_after"))
    as_staff.post(NEW, posted())
    submission = Submission.objects.get()
    assert run_check()
    assert fresh(submission).check_result == CheckResult.SEVERAL
