"""A new consumer that was not read, or was answered with another one, may be the one of the send."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import CdpTimeout
from apps.consumers.models import CheckResult, Outcome
from apps.consumers.reconciliation import findings
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import clean, text
from tests.support.reconciling import lost, make_due, only, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_unreadable_consumer_fails_no_check_and_lets_nothing_be_taken(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed("500_before", times=2, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOT_ALL_READ)
    assert found.unread_refs == [only(sandbox).ref]
    assert "could not read" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.parametrize(
    ("fault", "result"),
    [("another_consumer_after", CheckResult.MISREAD), ("500_before", CheckResult.NOT_ALL_READ)],
)
def test_without_the_earlier_references_a_consumer_that_was_not_read_may_be_this_one(
    as_staff: Client, sandbox: SandboxServer, fault: str, result: CheckResult
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, result)
    assert found.unread_refs == [only(sandbox).ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "On the order, but could not be read or compared:" in page
    assert "no new consumer matches" not in page


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("fault", ["another_consumer_after", "500_before"])
def test_consumers_that_failed_to_be_read_are_listed_before_those_that_were_left_out(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    failed, left_out = only(sandbox), add_elsewhere(clean())
    monkeypatch.setattr(findings, "MAX_COMPARED", 1)
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="retrieve_order_consumer"))
    assert run_check()
    assert fresh(submission).unread_refs == [failed.ref, left_out.ref]


@pytest.mark.parametrize("fault", ["known_ref", "another_consumer_after"])
def test_new_reference_that_returns_another_consumer_proves_nothing(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    add_elsewhere()  # an older twin
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    new = sandbox.sandbox.add_consumer(SAMPLE_ORDER, clean().to_json())
    sandbox.sandbox.faults.arm(Armed(fault, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.MISREAD)
    assert found.unread_refs == [new.ref]
    assert "answered with another consumer" in text(as_staff.get(f"/submissions/{submission.public_id}/"))


def test_older_twin_returned_for_a_new_reference_is_not_taken(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    sandbox.sandbox.add_consumer(SAMPLE_ORDER, clean().to_json())
    sandbox.sandbox.switches = Switches().changed({"retrieved": "oldest"})
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.MISREAD)


@pytest.mark.sql("repeated")
def test_new_consumers_not_read_in_time_are_unread(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    others = [add_elsewhere(clean()), add_elsewhere(clean())]
    real, left = OrderConsumer.from_json, [1]

    def late(data: object) -> OrderConsumer:
        left[0] -= 1
        if left[0] < 0:
            raise CdpTimeout("total_timeout")
        return real(data)

    monkeypatch.setattr(OrderConsumer, "from_json", late)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.failed_check_count) == (
        "unknown",
        CheckResult.NOT_ALL_READ,
        0,
    )
    assert found.unread_refs == [one.ref for one in others]


@pytest.mark.sql("repeated")
def test_receipt_lists_25_of_many_unread_consumers(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    refs = [str(uuid.UUID(int=number)) for number in range(1, 28)]
    submission.unread_refs = refs
    submission.save()
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert [ref in page for ref in refs] == [True] * 25 + [False] * 2
    assert "and 2 more" in page
