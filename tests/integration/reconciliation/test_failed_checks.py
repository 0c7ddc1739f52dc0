"""A check that could not read the order concludes nothing, and keeps what earlier checks found."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.consumers.models import CheckResult, Outcome
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import text
from tests.support.people import events
from tests.support.reconciling import lost, make_due, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_failed_check_does_not_retract_earlier_findings(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    assert run_check()
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=2, operation="list_order_consumers"))
    make_due(submission)
    assert run_check()
    found = fresh(submission)
    assert (found.check_result, found.failed_check_count, len(found.matching_refs)) == (
        CheckResult.SEVERAL,
        1,
        2,
    )
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Possible duplicate" in page
    assert "The last check could not read the order" in page


def test_unanswered_check_concludes_nothing_and_is_repeated(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=2, operation="list_order_consumers"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.check_count, found.failed_check_count) == (
        Outcome.UNKNOWN, CheckResult.FAILED, 0, 1,
    )  # fmt: skip
    assert found.next_check_at is not None
    [failed] = events("consumer.check_failed")
    assert (failed.failure, failed.details) == (True, {"error_code": "http_503"})
    assert events("consumer.checked") == []
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


def test_firewall_page_in_place_of_the_order_is_no_check(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    for operation in ("list_order_consumers", "retrieve_order_consumer"):
        sandbox.sandbox.faults.arm(Armed("404_html", operation=operation))
        make_due(submission)
        assert run_check()
        found = fresh(submission)
        assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.FAILED)
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED
