"""An order that was not or only partly read, before the send or now, proves nothing."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client

from apps.cdp import paging
from apps.cdp.errors import CdpTimeout
from apps.cdp.factory import get_client
from apps.consumers.models import CheckResult, Outcome
from apps.consumers.reconciliation import circuit_breaker
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import clean, text
from tests.support.reconciling import (
    A_SUPERVISOR_DECIDES,
    WOULD_MARK,
    lost,
    make_due,
    names_without_filling_in,
    only,
    run_check,
)
from tests.support.resolving import add_elsewhere, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_without_the_earlier_references_nothing_is_proven(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    assert submission.refs_before is None
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert A_SUPERVISOR_DECIDES in page
    assert WOULD_MARK not in page
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOT_PROVEN)
    assert found.matching_refs == [only(sandbox).ref]
    names_without_filling_in(as_supervisor, submission, only(sandbox).ref)


def test_without_the_earlier_references_other_travellers_are_not_called_new(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(clean())
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox, done=False)
    assert run_check()
    found = fresh(submission)
    assert (found.different_refs, found.matching_refs) == ([], [])
    assert "New on the order" not in text(as_staff.get(f"/submissions/{submission.public_id}/"))


@pytest.mark.once
@pytest.mark.parametrize(
    ("switches", "result"),
    [
        ({"paging": "gap", "page_size": 1}, CheckResult.BEFORE_PARTIAL),
        ({"paging": "overlapping", "page_size": 1}, CheckResult.BEFORE_PARTIAL),
        ({"paging": "shuffled", "page_size": 2}, CheckResult.BEFORE_PARTIAL),
        ({"cache": "stubborn"}, CheckResult.BEFORE_PARTIAL),
        ({"cache": "obeying"}, CheckResult.ONE),
    ],
)
def test_incomplete_list_before_the_send_proves_nothing(
    as_staff: Client,
    as_supervisor: Client,
    sandbox: SandboxServer,
    switches: dict[str, Any],
    result: CheckResult,
) -> None:
    for _ in range(3):
        add_elsewhere(clean())
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed(switches)
    get_client().observe_order_consumers(SAMPLE_ORDER)  # an answer from a cache
    submission = lost(as_staff, sandbox)
    assert submission.refs_before_whole is (result is CheckResult.ONE)
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert (WOULD_MARK in page) is (result is CheckResult.ONE)
    assert (A_SUPERVISOR_DECIDES in page) is (result is not CheckResult.ONE)
    sandbox.sandbox.switches = Switches()
    sandbox.sandbox.list_cache.clear()
    assert run_check()
    found = fresh(submission)
    assert found.check_result == result
    assert (found.outcome == Outcome.CREATED) is (result is CheckResult.ONE)
    if result is CheckResult.BEFORE_PARTIAL:
        page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
        assert "read before the send was incomplete" in page
        [matching] = found.matching_refs
        names_without_filling_in(as_supervisor, submission, matching)


def test_incomplete_list_now_may_lack_a_second_match(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.switches = Switches().changed({"paging": "gap", "page_size": 1})
    add_elsewhere()
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOW_PARTIAL)
    assert "another consumer may match too" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    sandbox.sandbox.switches = Switches()
    make_due(submission)
    assert run_check()
    assert fresh(submission).check_result == CheckResult.SEVERAL


def test_order_too_large_to_read_is_left_to_a_supervisor(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_LIMIT", 2)
    add_elsewhere(clean())
    sandbox.sandbox.switches = Switches().changed({"page_size": 1})
    submission = lost(as_staff, sandbox)
    assert (submission.refs_before, submission.refs_before_whole) == (
        [sandbox.sandbox.consumers(SAMPLE_ORDER)[0].ref],
        True,
    )
    add_elsewhere(clean(first_name="Ina"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.TOO_MANY)
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "could not read the whole order: it has too many consumers" in page


@pytest.mark.sql("repeated")
def test_order_not_read_in_time_is_left_to_a_supervisor_and_stops_no_other_check(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere(clean())
    sandbox.sandbox.switches = Switches().changed({"page_size": 1})
    real, left = paging.Page.from_json, [0]

    def late(data: object) -> paging.Page:
        left[0] -= 1
        if left[0] < 0:
            raise CdpTimeout("total_timeout")
        return real(data)

    monkeypatch.setattr(paging.Page, "from_json", late)
    for _ in range(circuit_breaker.FAILURE_THRESHOLD + 1):
        make_due(submission)
        left[0] = 1
        assert run_check()
        found = fresh(submission)
        assert (found.outcome, found.check_result, found.failed_check_count) == (
            "unknown",
            CheckResult.TOO_MANY,
            0,
        )
    assert circuit_breaker.paused_until(datetime.datetime.now(datetime.UTC)) is None
