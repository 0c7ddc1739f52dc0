"""The time that is shown and stored with the result of a check."""

from __future__ import annotations

import datetime
import re

import pytest
from django.test import Client

from apps.cdp.errors import CdpTimeout
from apps.consumers.models import CheckResult, Outcome, Submission
from apps.consumers.reconciliation import findings
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import text
from tests.support.reconciling import check, lost
from tests.support.resolving import add_elsewhere, fresh

pytestmark = pytest.mark.django_db


def test_result_keeps_the_time_of_its_reading_when_a_later_check_fails(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    check(as_staff, submission)
    before = fresh(submission)

    def unanswered(*_: object) -> findings.Found:
        assert fresh(submission).last_check_at == before.last_check_at, "a claim is no reading"
        raise CdpTimeout("total_timeout")

    monkeypatch.setattr(findings, "read_order", unanswered)
    check(as_staff, submission)
    after = fresh(submission)
    assert (after.check_result, after.last_check_at) == (CheckResult.SEVERAL, before.last_check_at)
    assert after.check_claimed_at != before.check_claimed_at
    found = re.sub("<[^>]*>", "", text(as_staff.get(f"/submissions/{submission.public_id}/")))
    assert re.search(
        r"supervisor has to check each\. \(.{,30}:\d\d:\d\d\) The last check could not read the order", found
    )


def test_order_that_no_check_could_read_has_the_time_of_the_last_attempt(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)

    def unanswered(*_: object) -> findings.Found:
        raise CdpTimeout("total_timeout")

    real = findings.read_order
    monkeypatch.setattr(findings, "read_order", unanswered)
    check(as_staff, submission)
    first = fresh(submission)
    check(as_staff, submission)
    second = fresh(submission)
    assert second.check_result == CheckResult.FAILED
    assert first.last_check_at is not None
    assert second.last_check_at is not None
    assert first.last_check_at < second.last_check_at
    monkeypatch.setattr(findings, "read_order", real)
    check(as_staff, submission)
    assert fresh(submission).outcome == Outcome.CREATED


def test_clock_that_was_set_back_stops_no_check(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    ahead = clock.now() + datetime.timedelta(hours=1)
    Submission.objects.filter(pk=submission.pk).update(
        check_claimed_at=ahead, last_check_at=ahead, check_result=CheckResult.NONE
    )
    check(as_staff, submission)
    assert fresh(submission).outcome == Outcome.CREATED
