"""The creation time of a consumer, by the vendor's clock, tells the one of the send from older ones."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client

from apps.cdp.factory import get_client
from apps.consumers import connection_health
from apps.consumers.models import CheckResult, ConnectionHealth, Outcome
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, text
from tests.support.reconciling import lost, make_due, names_without_filling_in, run_check
from tests.support.resolving import fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_older_twin_hidden_before_the_send_is_detected_by_its_creation_time(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox, done=False)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.OTHER_TIME)
    assert found.matching_refs == [twin.ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "created at another time than this send" in page
    names_without_filling_in(as_supervisor, submission, twin.ref)


def test_unreadable_creation_time_excludes_nothing_and_proves_nothing(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "number"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox, done=False)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.OTHER_TIME)
    assert found.matching_refs == [twin.ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "or that time could not be read" in page
    second = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json())
    make_due(submission)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert set(found.matching_refs) == {twin.ref, second.ref}


def test_consumer_of_the_send_is_taken_beside_an_older_twin(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    [ours] = [one.ref for one in sandbox.sandbox.consumers(SAMPLE_ORDER) if one.ref != twin.ref]
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, ours)


@pytest.mark.once
@pytest.mark.parametrize(
    ("seconds", "ahead", "result"),
    [
        (-100, 0.0, CheckResult.ONE),
        (-130, 0.0, CheckResult.OTHER_TIME),
        (-3700, 3600.0, CheckResult.ONE),  # our clock is ahead of the vendor's by an hour
        (-3730, 3600.0, CheckResult.OTHER_TIME),
        (3500, -3600.0, CheckResult.ONE),
        (3460, -3600.0, CheckResult.OTHER_TIME),
        (-100, -3600.0, CheckResult.OTHER_TIME),
        (600, 0.0, CheckResult.OTHER_TIME),  # long after any possible answer
    ],
)
def test_creation_time_is_judged_by_the_vendors_clock(
    as_staff: Client, sandbox: SandboxServer, seconds: int, ahead: float, result: CheckResult
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    submission = lost(as_staff, sandbox, done=False)
    moment = submission.submitted_at + datetime.timedelta(seconds=seconds)
    sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=moment)
    ConnectionHealth.objects.update_or_create(pk=1, defaults={"clock_ahead": ahead})
    assert run_check()
    assert fresh(submission).check_result == result


@pytest.mark.parametrize("year", [1, 9999])
def test_absurd_date_of_an_answer_leaves_the_clocks_as_measured_before(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    submission = lost(as_staff, sandbox)
    connection_health._latest.clear()
    date = f"Fri, 31 Dec {year:04} 23:59:59 GMT"
    monkeypatch.setattr("sandbox.api.answers.formatdate", lambda **_: date)
    get_client().retrieve_order(SAMPLE_ORDER)
    connection_health.store_latest()
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED
