"""A condition that needs an administrator is shown on the start page, the status page and by exit code."""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.integrity import checkpoint_disk
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import Result as Verification
from apps.audit.integrity.verification import record_result, verify
from apps.audit.models import AuditEvent
from apps.cdp.errors import CdpError, CdpRateLimited, CdpUnauthorized
from apps.cdp.exchange import AnswerHealth
from apps.cdp.factory import get_client
from apps.consumers import connection_health
from apps.consumers.models import ConnectionHealth, Outcome
from apps.consumers.reconciliation import circuit_breaker
from apps.consumers.sending import spool
from apps.consumers.sending.result import Result
from apps.core import clock, heartbeats
from apps.core.actor import Actor
from apps.core.models import Heartbeat
from consumerportal import status, web_heartbeats
from consumerportal.management.commands.worker import Worker
from consumerportal.status import Level, Line
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.audit_logs import put, stored, with_own_hash, write
from tests.support.entries import REF, clean, posted, store, text

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"


@pytest.fixture(autouse=True)
def _reset_health() -> None:
    connection_health.clear_latest()


def line(name: str) -> Line:
    [found] = [one for one in status.lines() if one.name == name]
    return found


def disks() -> list[Line]:
    return [one for one in status.lines() if one.name.startswith("disk_")]


def ago(**span: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**span)


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        call_command("status")
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


# --- Credentials ----------------------------------------------------------------------------------
def test_refused_credentials_are_shown_to_administrators_until_a_successful_answer(
    as_staff: Client, as_administrator: Client, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert "Needs attention" not in text(as_administrator.get("/"))
    as_staff.post(NEW, posted(order=FAULT_ORDERS["401"]))
    since = ConnectionHealth.objects.get().refused_since
    assert since is not None
    page = text(as_administrator.get("/"))
    assert "Needs attention" in page
    assert "Refused by Sitecore CDP (401)" in page
    assert "Needs attention" not in text(as_staff.get("/"))
    assert "credentials_refused" in caplog.text
    as_staff.post(NEW, posted(clean(), order=FAULT_ORDERS["401"]))
    assert ConnectionHealth.objects.get().refused_since == since, "Since when, not when last"
    as_staff.post(NEW, posted())
    assert line("credentials").level is Level.OK
    assert "Needs attention" not in text(as_administrator.get("/"))


def test_reconciliation_reports_refused_credentials(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.arm(Armed("403", operation="retrieve_order"))
    as_staff.get(f"/orders/{SAMPLE_ORDER}/")
    assert ConnectionHealth.objects.get().refused_status == 403


def test_vendor_fault_does_not_change_the_credentials_status(sandbox: SandboxServer) -> None:
    connection_health.record_answer(AnswerHealth(401, None))
    connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(503, None))
    connection_health.store_latest()
    assert line("credentials").level is Level.CRITICAL


@pytest.mark.sql("new")
def test_unchanged_health_is_written_once_a_minute_and_changes_immediately(
    django_assert_num_queries: Any,
) -> None:
    connection_health.record_answer(AnswerHealth(200, 0.0))
    connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(200, 0.0))
    with django_assert_num_queries(0):
        connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(401, 0.0))
    connection_health.store_latest()
    assert ConnectionHealth.objects.get().refused_status == 401


def duty_of_the_worker() -> None:
    Worker(threading.Event()).duties["store_connection_health"]()


@pytest.mark.sql("new")
@pytest.mark.parametrize("heartbeat", [web_heartbeats.record, duty_of_the_worker])
def test_answer_of_a_process_that_differs_from_another_ones_is_written_with_its_heartbeat(
    heartbeat: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    answered(200, one, monkeypatch)
    answered(401, other, monkeypatch)
    ConnectionHealth.objects.update(answered_at=ago(seconds=10))
    answered(200, one, monkeypatch)
    assert line("credentials").level is Level.CRITICAL
    heartbeat()
    assert line("credentials").level is Level.CRITICAL, "Once a minute"
    one.stored_at -= connection_health.WRITE_INTERVAL
    heartbeat()
    assert line("credentials").level is Level.OK


@pytest.mark.sql("new")
def test_answer_that_nothing_has_written_is_not_written_over_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    monkeypatch.setattr(connection_health, "_latest", one)
    connection_health.record_answer(AnswerHealth(200, None))
    answered(401, other, monkeypatch)
    monkeypatch.setattr(connection_health, "_latest", one)
    web_heartbeats.record()
    assert line("credentials").level is Level.CRITICAL


@pytest.mark.sql("new")
def test_answer_that_has_waited_is_not_written_over_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    answered(200, one, monkeypatch)
    answered(200, one, monkeypatch)
    assert one.received is not None
    one.received = replace(one.received, at=one.received.at - 10)
    answered(401, other, monkeypatch)
    one.stored_at -= connection_health.WRITE_INTERVAL
    monkeypatch.setattr(connection_health, "_latest", one)
    connection_health.store_latest()
    assert line("credentials").level is Level.CRITICAL
    answered(200, one, monkeypatch)
    one.stored_at -= connection_health.WRITE_INTERVAL
    connection_health.store_latest()
    assert line("credentials").level is Level.OK


def answered(status: int, process: connection_health._LatestAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer to the process that has this latest answer, which goes on running."""
    monkeypatch.setattr(connection_health, "_latest", process)
    connection_health.record_answer(AnswerHealth(status, None))
    connection_health.store_latest()


@pytest.mark.sql("new")
def test_failed_write_of_health_is_ignored_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> None:
        raise OperationalError

    connection_health.record_answer(AnswerHealth(401, None))
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionHealth.objects, "get_or_create", gone)
        connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(401, None))
    connection_health.store_latest()
    assert ConnectionHealth.objects.get().refused_status == 401


# --- The clock ------------------------------------------------------------------------------------
def test_clock_is_compared_with_the_vendors_date(sandbox: SandboxServer) -> None:
    assert line("clock").text == "Not compared with Sitecore CDP yet"
    get_client().retrieve_order(SAMPLE_ORDER)
    connection_health.store_latest()
    ahead = ConnectionHealth.objects.get().clock_ahead
    assert ahead is not None
    assert -1 < ahead < 3
    assert line("clock").level is Level.OK


@pytest.mark.parametrize(("ahead", "words"), [(190.4, "190 seconds ahead"), (-3600.0, "3600 seconds behind")])
def test_clock_error_is_a_problem(ahead: float, words: str) -> None:
    connection_health.record_answer(AnswerHealth(200, ahead))
    connection_health.store_latest()
    assert words in line("clock").text
    assert line("clock").level is Level.CRITICAL


# --- Unknown outcomes, lookups, worker, spool -----------------------------------------------------
def test_unknown_outcomes_are_counted_and_an_old_one_is_a_problem(staff: User) -> None:
    assert line("unknowns").level is Level.OK
    store(staff, Outcome.UNKNOWN)
    assert line("unknowns").level is Level.WARNING
    oldest = store(staff, Outcome.UNKNOWN, clean(), submitted_at=ago(days=2))
    found = line("unknowns")
    assert (found.level, found.moment) == (Level.CRITICAL, oldest.submitted_at)
    assert "2 open" in found.text


def test_send_that_outlasts_the_workers_turn_is_a_problem(staff: User) -> None:
    store(staff, Outcome.SENDING, deadline=ago(seconds=1))
    assert line("overdue").level is Level.OK
    oldest = store(staff, Outcome.SENDING, clean(), deadline=ago(hours=1), submitted_at=ago(hours=1))
    found = line("overdue")
    assert (found.level, found.moment) == (Level.CRITICAL, oldest.submitted_at)


def test_reconciliation_pause_is_shown_with_its_reason(settings: Settings) -> None:
    from apps.cdp.errors import CdpUnreachable

    assert "supervisors resolve" in line("reconciliation").text
    settings.CDP_RECONCILIATION = True
    assert line("reconciliation").level is Level.OK
    for _ in range(circuit_breaker.FAILURE_THRESHOLD):
        circuit_breaker.record_failure(CdpUnreachable("connect_refused"), datetime.datetime.now(datetime.UTC))
    found = line("reconciliation")
    assert "did not accept the connection" in found.text
    assert "Paused until" in found.text
    assert found.moment is not None
    assert found.moment > ago()


def test_reconciliation_pause_that_is_over_is_not_shown(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    circuit_breaker.record_failure(CdpRateLimited(retry_after=60.0), ago(minutes=2))
    found = line("reconciliation")
    assert "1 failed in a row" in found.text
    assert ("Paused until" in found.text, found.moment) == (False, None)


@pytest.mark.parametrize("error", [CdpRateLimited(retry_after=60.0), CdpUnauthorized()])
def test_reason_of_a_reconciliation_pause_says_nothing_about_an_entry(
    settings: Settings, error: CdpError
) -> None:
    settings.CDP_RECONCILIATION = True
    circuit_breaker.record_failure(error, datetime.datetime.now(datetime.UTC))
    found = line("reconciliation").text
    assert "1 failed in a row: " in found
    assert "Send it again" not in found
    assert "Your entry" not in found


@pytest.mark.sql("new")
def test_missing_worker_is_a_problem_and_the_portal_stays_ready(client: Client, settings: Settings) -> None:
    assert line("worker").level is Level.CRITICAL
    assert client.get("/readyz").status_code == 200
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert line("worker").level is Level.OK
    Heartbeat.objects.update(seen_at=ago(seconds=settings.WORKER_SILENT_SECONDS + 1))
    assert line("worker").level is Level.CRITICAL
    assert client.get("/readyz").status_code == 200


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("checked", "words"),
    [("missing_triggers", "audit triggers"), ("missing_totals_triggers", "figures triggers")],
)
def test_missing_trigger_is_a_problem_and_the_portal_stays_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, checked: str, words: str
) -> None:
    assert line("database").level is Level.OK
    monkeypatch.setattr(status, checked, lambda _connection: ["of_this_test"])
    assert line("database").level is Level.CRITICAL
    assert words in line("database").text
    assert client.get("/readyz").status_code == 200


def test_spool_of_a_machine_with_a_dead_worker_stays_a_problem() -> None:
    Heartbeat.objects.create(process="worker:other-machine:7", seen_at=ago(days=9), waiting_files=2)
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert (line("spool").text, line("spool").level) == ("2", Level.CRITICAL)


def test_earlier_report_on_the_same_folder_is_superseded_under_any_host_name() -> None:
    place = spool.folder_id()
    assert place
    assert place == spool.folder_id()
    earlier = f"worker:{place}:a-container-of-yesterday:1"
    Heartbeat.objects.create(process=earlier, seen_at=ago(seconds=60), waiting_files=2)
    heartbeats.record_heartbeat(heartbeats.WORKER, place=place)
    assert line("spool").level is Level.OK


def test_failure_in_any_living_worker_is_reported() -> None:
    Heartbeat.objects.create(process="worker:other-machine:7", seen_at=ago(seconds=9), failing="drain_spool")
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert "drain_spool" in line("worker").text
    assert line("worker").level is Level.CRITICAL


def test_unwritable_spool_is_reported_before_it_is_needed(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "file"
    settings.SPOOL_DIR.write_text("in the way")
    assert "cannot write to SPOOL_DIR" in line("spool").text


@pytest.mark.parametrize("path", ["/status/", "/"])
def test_unreachable_spool_is_reported_and_breaks_no_page(
    as_administrator: Client, unreachable_spool: None, path: str
) -> None:
    assert (line("spool").level, "cannot read SPOOL_DIR" in line("spool").text) == (Level.CRITICAL, True)
    assert "cannot read SPOOL_DIR" in text(as_administrator.get(path))
    assert not spool.can_be_written()


@pytest.mark.sql("repeated")
def test_unreadable_disk_breaks_no_page(as_administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.disk_usage", refused)
    assert "Cannot be checked" in text(as_administrator.get("/status/"))
    assert len({one.name for one in disks()}) == len({str(one.label) for one in disks()}) == len(disks())


@pytest.mark.sql("new")
def test_yesterdays_processes_are_deleted() -> None:
    Heartbeat.objects.create(process="worker:old:1", seen_at=ago(days=2))
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert Heartbeat.objects.count() == 1


def test_spooled_files_on_any_machine_are_a_problem(staff: User) -> None:
    assert line("spool").level is Level.OK
    spool.write(store(staff, Outcome.SENDING).public_id, Result(Outcome.CREATED, consumer_ref=REF))
    assert line("spool").text == "1"
    heartbeats.record_heartbeat(heartbeats.WORKER, waiting_files=3)
    assert line("spool").text == "3"
    assert line("spool").level is Level.CRITICAL


@pytest.mark.parametrize(("free", "level"), [(50, Level.OK), (5, Level.WARNING), (1, Level.CRITICAL)])
def test_filling_disk_is_reported(monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    class Usage:
        total = 100 * 10**9

    Usage.free = free * 10**9  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)
    first = disks()[0]
    assert first.level is level
    assert f"{free}.0 GB free" in first.text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("SPOOL_DIR", "Disk of SPOOL_DIR"),
        ("AUDIT_CHECKPOINT_FILE", "Disk of AUDIT_CHECKPOINT_FILE"),
        ("EXPORT_DIR", "Disk of EXPORT_DIR"),
        ("", "Disk of temporary files, such as exports"),
    ],
)
def test_filling_disk_of_another_folder_is_reported_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, label: str
) -> None:
    class Usage:
        total = free = 100 * 10**9

    class Full(Usage):
        free = 10**9

    other = Path("/proc/version")  # on another device than the folders of tests
    if name:
        setattr(settings, name, str(other) if name == "EXPORT_DIR" else other)
    else:
        settings.EXPORT_DIR = ""
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(other))
    monkeypatch.setattr("shutil.disk_usage", lambda path: Full if path == other else Usage)
    assert [str(one.label) for one in disks() if one.level is Level.CRITICAL] == [label]


# --- The audit log --------------------------------------------------------------------------------
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
    forward(status.UNSIGNED_FOR - datetime.timedelta(minutes=1))
    assert evidence() == []
    forward(status.UNSIGNED_FOR + datetime.timedelta(minutes=1))
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
    forward(status.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    assert evidence() == [("audit_verification", Level.WARNING)]
    assert "Never done" in line("audit_verification").text
    forward(datetime.timedelta())
    record_result(Actor.system("worker"), verify())
    forward(status.UNVERIFIED_FOR - datetime.timedelta(hours=1))
    assert evidence() == []
    forward(status.UNVERIFIED_FOR + datetime.timedelta(hours=1))
    record_result(Actor.system("worker"), verify(from_checkpoint=True))
    assert evidence() == [("audit_verification", Level.WARNING)]
    assert "Last done with checkpoints at" in line("audit_verification").text


def test_verification_without_checkpoints_is_not_one_of_the_whole_log(
    forward: Callable[[datetime.timedelta], None],
) -> None:
    """On a machine without the file of checkpoints, nobody can find that the end is missing."""
    write(2)
    record_result(Actor.system("worker"), verify())
    forward(status.UNVERIFIED_FOR + datetime.timedelta(hours=1))
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
    forward(status.UNVERIFIED_FOR + datetime.timedelta(hours=1))
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


# --- Audit log --------------------------------------------------------------------------------------
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


# --- The page and the command ---------------------------------------------------------------------
def test_page_shows_every_line_only_to_administrators(
    as_administrator: Client, as_supervisor: Client
) -> None:
    page = text(as_administrator.get("/status/"))
    for one in status.lines():
        assert escape(str(one.label)) in page
    assert as_supervisor.get("/status/").status_code == 403


def test_command_exits_with_the_worst_level(staff: User, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(capsys)
    assert code == 2
    assert re.search(r"^CRITICAL +Background worker: ", output, re.MULTILINE)
    heartbeats.record_heartbeat(heartbeats.WORKER)
    code, output = run(capsys)
    assert (code, "CRITICAL" in output) == (0, False), output
    store(staff, Outcome.UNKNOWN)
    assert run(capsys)[0] == 1


@pytest.mark.sql("new")
def test_command_reports_a_lost_database(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OperationalError("password=hunter2")

    monkeypatch.setattr(status, "lines", gone)
    assert run(capsys) == (2, "CRITICAL  Database: does not answer (OperationalError)\n")
