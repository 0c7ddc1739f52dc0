"""Events that nobody signs or verifies, and checkpoints beside the database, are reported."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.audit.integrity import checkpoint_disk
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import Result as Verification
from apps.audit.integrity.verification import record_result, verify
from apps.audit.models import AuditEvent
from apps.core import clock
from apps.core.actor import Actor
from consumerportal import status
from consumerportal.status import Level, audit_log
from tests.support.audit_logs import put, stored, with_own_hash, write
from tests.support.entries import text
from tests.support.status_lines import line

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.fixture
def forward(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime.timedelta], None]:
    """Set the portal's clock forward for what follows."""
    now = clock.now

    def set_forward(span: datetime.timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: now() + span)

    return set_forward


def evidence() -> list[tuple[str, Level]]:
    """The lines about the work on the audit log that is overdue."""
    names = ("audit_signing", "audit_verification")
    return [(one.name, one.level) for one in status.lines() if one.name in names]


def test_log_that_nobody_signs_is_a_problem_on_every_machine(
    forward: Callable[[datetime.timedelta], None],
    as_administrator: Client,
    settings: Settings,
    tmp_path: Path,
) -> None:
    write(2)
    sign_checkpoint(Actor.system("worker"))
    forward(datetime.timedelta(hours=1))
    assert evidence() == [], "Without new events there is nothing to sign"
    forward(datetime.timedelta())
    write(1)
    unsigned_at = AuditEvent.objects.order_by("-seq")[0].at
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "of-a-machine-without-a-worker"
    forward(audit_log.UNSIGNED_FOR - datetime.timedelta(minutes=1))
    assert evidence() == []
    forward(audit_log.UNSIGNED_FOR + datetime.timedelta(minutes=1))
    assert evidence() == [("audit_signing", Level.CRITICAL)]
    assert line("audit_signing").moment == unsigned_at
    assert "Events are not signed" in text(as_administrator.get("/"))


def test_log_that_was_never_signed_is_a_problem(forward: Callable[[datetime.timedelta], None]) -> None:
    write(1)
    forward(datetime.timedelta(hours=1))
    assert evidence() == [("audit_signing", Level.CRITICAL)]


def test_forged_signing_event_does_not_hide_that_nobody_signs(
    forward: Callable[[datetime.timedelta], None],
) -> None:
    write(2)
    [first, last] = stored().values()
    claim = {"action": "audit.checkpoint_signed", "data": '{"last":9}'}
    put([first, with_own_hash({**last, **claim}, with_keys=False)])
    forward(datetime.timedelta(hours=1))
    assert evidence() == [("audit_signing", Level.CRITICAL)]


def test_log_that_nobody_verifies_as_a_whole_is_reported(
    forward: Callable[[datetime.timedelta], None],
) -> None:
    write(2)
    sign_checkpoint(Actor.system("worker"))
    forward(audit_log.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    assert evidence() == [("audit_verification", Level.WARNING)]
    assert "Never done" in line("audit_verification").text
    forward(datetime.timedelta())
    record_result(Actor.system("worker"), verify())
    forward(audit_log.UNVERIFIED_FOR - datetime.timedelta(hours=1))
    assert evidence() == []
    forward(audit_log.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    record_result(Actor.system("worker"), verify(from_checkpoint=True))
    assert evidence() == [("audit_verification", Level.WARNING)]
    assert "Last done with checkpoints at" in line("audit_verification").text


def test_verification_without_checkpoints_is_not_one_of_the_whole_log(
    forward: Callable[[datetime.timedelta], None],
) -> None:
    """On a machine without the file of checkpoints, nobody can find that the end is missing."""
    write(2)
    record_result(Actor.system("worker"), verify())
    forward(audit_log.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    record_result(Actor.system("worker"), verify())
    assert ("audit_verification", Level.WARNING) in evidence()
    assert "Never done with checkpoints" in line("audit_verification").text


def test_finding_that_stays_is_not_reported_as_a_missing_verification(
    forward: Callable[[datetime.timedelta], None],
) -> None:
    """The worker verifies the whole log once a day, and records the same finding only once."""
    write(3)
    sign_checkpoint(Actor.system("worker"))
    rows = stored()
    rows[2]["person"] = "x"
    put([*rows.values()])
    record_result(Actor.system("worker"), verify())
    forward(audit_log.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    assert line("audit_log").level is Level.CRITICAL
    assert "audit_verification" not in dict(evidence())


def test_checkpoints_on_the_disk_of_the_database_are_reported(
    as_administrator: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = True
    monkeypatch.setattr(checkpoint_disk, "is_disk_of_database", lambda: shared)
    assert line("checkpoint_disk").level is Level.OK  # on a practice machine it is usual
    assert "move AUDIT_CHECKPOINT_FILE to another disk" in text(as_administrator.get("/status/"))
    settings.PRACTICE_MODE = False
    assert line("checkpoint_disk").level is Level.WARNING
    shared = False
    assert "checkpoint_disk" not in {one.name for one in status.lines()}


def test_audit_log_that_no_signature_covers_is_not_reported_as_unchanged() -> None:
    def verified(verdict: Verdict) -> None:
        result = Verification(verdict, None, None, 1, 20, last_hash="", whole=True)
        record_result(Actor.system("worker"), result)

    verified(Verdict.UNCHANGED)
    assert (line("audit_log").level, "Unchanged" in line("audit_log").text) == (Level.OK, True)
    verified(Verdict.UNSIGNED)
    unsigned = line("audit_log")
    assert unsigned.level is Level.WARNING
    assert unsigned.text.startswith("The chain of events is intact, but no signed checkpoint covers it yet.")
    assert unsigned.moment is not None
