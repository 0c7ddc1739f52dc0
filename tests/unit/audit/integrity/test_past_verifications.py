"""An altered record of a verification is a problem of its own, and never counts as success."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.audit.integrity import past_verifications
from apps.audit.integrity.past_verifications import (
    latest_verification,
    latest_whole_verification,
    standing_problem,
    standing_problems,
)
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.models import AuditEvent
from apps.core.actor import Actor
from consumerportal import status
from tests.support.audit_flush import lift_triggers
from tests.support.audit_logs import move_head, put, stored, write
from tests.unit.audit.integrity.test_written_past import forge_next_event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def verified() -> AuditEvent:
    """The event of a complete verification that found the log unchanged."""
    write(2)
    sign_checkpoint(Actor.system("tests"))
    call_command("audit_verify")
    event = latest_verification()
    assert event is not None
    assert standing_problem() is None
    assert latest_whole_verification() == event
    return event


def alter(event: AuditEvent, **columns: Any) -> None:
    rows = stored()
    rows[event.seq] |= columns
    put([*rows.values()])


def data_with(event: AuditEvent, **values: Any) -> str:
    return json.dumps({**event.details, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"verdict": "splendid"},
        {"verdict": ["unchanged"]},
        {"verdict": "changed", "about": 2},  # a failure inside the event of a success
        {"about": 2},
        {"scope": "much"},
        {"scope": None},
        {"first": "1"},
        {"last": None},
        {"last": True},
        {"checkpoint": "x"},
    ],
)
def test_data_that_no_verification_writes_are_a_problem(verified: AuditEvent, values: dict[str, Any]) -> None:
    alter(verified, data=data_with(verified, **values))
    assert standing_problem() == verified
    assert latest_whole_verification() is None


@pytest.mark.parametrize("columns", [{"data": "x"}, {"data": "{}"}, {"data": "[]"}, {"time": 9 * 10**18}])
def test_unreadable_verification_is_reported_on_every_page(
    verified: AuditEvent, as_administrator: Client, columns: dict[str, Any]
) -> None:
    alter(verified, **columns)
    [line] = [line for line in status.lines() if line.name == "audit_log"]
    assert (line.level, f"Event {verified.seq}" in line.text) == (status.Level.CRITICAL, True)
    assert "cannot be read" in line.text
    assert "cannot be read" in as_administrator.get("/").content.decode()
    page = as_administrator.get("/audit/integrity/").content.decode()
    assert "The last verification cannot be read" in page
    assert "Verify now" in page


def test_failure_cannot_be_altered_into_a_success(verified: AuditEvent) -> None:
    good = [dict(row) for row in stored().values()]
    rows = stored()
    rows[1]["person"] = "x"
    put([*rows.values()])
    with pytest.raises(SystemExit):
        call_command("audit_verify")
    bad = latest_verification()
    assert bad is not None
    put([*good, stored()[bad.seq]])
    alter(bad, data=data_with(bad, verdict="unchanged", about=None))
    assert standing_problem() == bad


def test_forged_success_does_not_hide_what_the_portal_found(verified: AuditEvent) -> None:
    """Whoever can write to the database can append a result, but not its MAC."""
    forge_next_event(action="consumer.created")
    with pytest.raises(SystemExit):
        call_command("audit_verify")
    bad = latest_verification()
    assert bad is not None
    assert standing_problem() == bad
    forged = forge_next_event(action="audit.verified", data=data_with(verified, last=bad.seq))
    problem = standing_problem()
    assert problem is not None
    assert problem.seq == forged
    assert latest_whole_verification() == bad
    [line] = [line for line in status.lines() if line.name == "audit_log"]
    assert line.level == status.Level.CRITICAL


def test_later_complete_successful_verification_ends_the_problem(verified: AuditEvent) -> None:
    before = stored()[verified.seq]
    alter(verified, data="x")
    assert standing_problem() == verified
    alter(verified, data=before["data"])
    call_command("audit_verify")
    assert standing_problem() is None


@pytest.mark.parametrize("recent", [500, 1], ids=["recent", "older"])
def test_verification_without_checkpoints_ends_no_problem(
    verified: AuditEvent, settings: Settings, monkeypatch: pytest.MonkeyPatch, recent: int
) -> None:
    """Only the checkpoints show that the end is missing. A loss is accepted by signing into a new file."""
    monkeypatch.setattr(past_verifications, "_RECENT", recent)
    put([*stored().values()][:1])
    move_head()
    with pytest.raises(SystemExit):
        call_command("audit_verify")
    problem = latest_verification()
    assert problem is not None
    assert problem.details["verdict"] == "tail_cut"
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    for _ in range(2):
        with pytest.raises(SystemExit):
            call_command("audit_verify")
        latest = latest_verification()
        assert latest is not None
        assert (latest.details["verdict"], latest.details["scope"]) == ("unsigned", "whole")
        assert standing_problem() == problem
        assert latest_whole_verification() == (problem if recent == 500 else None)  # only of the recent
    call_command("audit_checkpoint")
    call_command("audit_verify")
    assert standing_problem() is None


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL stores no text that is not UTF-8")
def test_older_verification_that_is_not_utf_8_is_passed_over(
    verified: AuditEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_verifications, "_RECENT", 1)
    monkeypatch.setattr(past_verifications, "_AT_ONCE", 1)
    call_command("audit_verify")
    latest = latest_verification()
    assert latest is not None
    alter(latest, data="x")
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET data = CAST(data || x'ff' AS TEXT) WHERE seq = %s", [verified.seq]
        )
    assert [one.seq for one in standing_problems()] == [latest.seq]
