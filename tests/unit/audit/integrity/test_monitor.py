"""The worker signs after new events, does nothing without them, and detects alterations."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from pytest_django import Settings

from apps.audit.integrity import checkpoints, monitor, signing
from apps.audit.integrity.monitor import IntegrityMonitor
from apps.audit.integrity.past_verifications import standing_problem
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import Result, verify
from apps.audit.management.commands import audit_verify
from apps.audit.models import AuditEvent
from apps.core import clock as portal_clock
from apps.core.actor import Actor
from consumerportal import status
from tests.support.audit_logs import move_head, put, stored, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The monitor's monotonic clock, set by the test in seconds."""
    now = 1_000.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    def forward(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(monitor, "time", Clock)
    monkeypatch.setattr(portal_clock, "seconds", lambda: int(time.time() + now - 1_000.0))
    return forward


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each verification of the monitor, whether it was to be of the whole log."""
    seen: list[bool] = []

    def noted(*, from_checkpoint: bool) -> Result:
        seen.append(not from_checkpoint)
        return verify(from_checkpoint=from_checkpoint)

    monkeypatch.setattr(monitor, "verify", noted)
    return seen


def signed(settings: Settings) -> list[int]:
    return [found.seq for _, found in checkpoints.read(settings.AUDIT_CHECKPOINT_FILE)]


def set_head(seq: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET seq = %s", [seq])


def names() -> list[str]:
    return [*AuditEvent.objects.order_by("seq").values_list("action", flat=True)]


def test_monitor_signs_after_a_minute_of_activity_and_not_without(
    clock: Callable[[float], None], settings: Settings
) -> None:
    worker = IntegrityMonitor(Actor.system("worker"))
    worker.run_due()
    write(3)
    worker.run_due()
    assert signed(settings) == []
    clock(61)
    worker.run_due()
    assert signed(settings) == [3]
    for _ in range(5):
        clock(61)
        worker.run_due()
    assert signed(settings) == [3]
    assert names().count("audit.checkpoint_signed") == 1
    write(1)
    worker.run_due()
    clock(61)
    worker.run_due()
    assert signed(settings) == [3, 5]


def test_monitor_signs_immediately_after_many_events(
    clock: Callable[[float], None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "SIGN_AFTER_EVENTS", 4)
    worker = IntegrityMonitor(Actor.system("worker"))
    write(3)
    worker.run_due()
    write(1)
    worker.run_due()
    assert signed(settings) == [4]


def test_two_workers_sign_one_chain(clock: Callable[[float], None], settings: Settings) -> None:
    workers = [IntegrityMonitor(Actor.system("worker")) for _ in range(2)]
    for _ in range(3):
        write(2)
        for worker in workers:
            worker.run_due()
        clock(61)
        for worker in workers:
            worker.run_due()
    assert signed(settings) == [2, 5, 8]
    call_command("audit_verify")


def test_monitor_signs_nothing_while_the_head_is_set_forward_and_signs_again_afterwards(
    clock: Callable[[float], None], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    worker = IntegrityMonitor(Actor.system("worker"))
    write(3)
    sign_checkpoint(Actor.system("tests"))
    set_head(2**60)
    worker.run_due()  # there is nothing to sign
    move_head()
    write(1)
    set_head(2**61)
    clock(61)
    with caplog.at_level("ERROR"):
        worker.run_due()
    [failure] = [one for one in caplog.records if one.message == "audit_log_not_signed"]
    assert getattr(failure, "verdict", None) == "head_differs"
    assert signed(settings) == [3]
    move_head()
    for _ in range(2):
        clock(61)
        worker.run_due()
    assert signed(settings) == [3, 5]


def test_deleted_file_is_recorded_before_a_new_one_begins(
    clock: Callable[[float], None], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    worker = IntegrityMonitor(Actor.system("worker"))
    write(2)
    sign_checkpoint(worker.actor)
    assert names()[2:] == ["audit.checkpoint_signed"], "The first file of a log replaces none"
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    write(1)
    for _ in range(2):
        worker.run_due()
        clock(61)
    assert signed(settings) == [4]
    assert names()[4:] == ["audit.verified", "audit.checkpoint_signed"]
    details = AuditEvent.objects.get(action="audit.verified").details
    assert (details["verdict"], details["scope"], details["last"]) == ("unsigned", "whole", 4)
    assert [one.message for one in caplog.records].count("audit_log_unsigned") == 1
    call_command("audit_verify")


def test_deleted_file_is_recorded_once_if_the_new_one_cannot_be_written(settings: Settings) -> None:
    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    write(2)
    sign_checkpoint(Actor.system("worker"))
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    for _ in range(2):
        with mock.patch.object(checkpoints, "append", full), pytest.raises(OSError, match="No space"):
            sign_checkpoint(Actor.system("worker"))
    assert "audit.verified" not in names()
    sign_checkpoint(Actor.system("worker"))
    assert names().count("audit.verified") == 1


def test_file_that_is_deleted_while_the_log_is_signed_is_recorded(settings: Settings) -> None:
    def verified_before(*, from_checkpoint: bool) -> Result:
        result = verify(from_checkpoint=from_checkpoint)
        settings.AUDIT_CHECKPOINT_FILE.unlink()
        return result

    sign = partial(sign_checkpoint, Actor.system("worker"))
    write(2)
    sign()
    with mock.patch.object(signing, "verify", verified_before), pytest.raises(FileNotFoundError):
        sign()
    assert not settings.AUDIT_CHECKPOINT_FILE.exists()
    sign()
    assert names()[3:] == ["audit.verified", "audit.checkpoint_signed"]


def test_first_verification_is_complete_and_success_is_recorded_only_with_activity(
    clock: Callable[[float], None],
) -> None:
    write(2)
    sign_checkpoint(Actor.system("tests"))
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    worker.run_due()
    event = AuditEvent.objects.get(action="audit.verified")
    assert event.details["scope"] == "whole"
    for _ in range(3):
        clock(601)
        worker.run_due()
    assert names().count("audit.verified") == 1


def test_result_that_differs_from_the_last_one_is_recorded_without_activity(
    clock: Callable[[float], None], settings: Settings, tmp_path: Path
) -> None:
    write(2)
    sign_checkpoint(Actor.system("tests"))
    own = settings.AUDIT_CHECKPOINT_FILE
    call_command("audit_verify")
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "none.jsonl"  # as on a machine without a worker
    assert exit_code("audit_verify") == 1
    settings.AUDIT_CHECKPOINT_FILE = own
    worker = IntegrityMonitor(Actor.system("worker"))
    for _ in range(3):
        clock(601)
        worker.run_due()
    verified = AuditEvent.objects.filter(action="audit.verified").order_by("seq")
    assert [event.details["verdict"] for event in verified] == ["unchanged", "unsigned", "unchanged"]


def test_missing_end_of_a_log_that_continues_is_one_problem(
    clock: Callable[[float], None], settings: Settings, as_administrator: Client
) -> None:
    for _ in range(2):
        write(30)
        sign_checkpoint(Actor.system("tests"))
    kept, cut = signed(settings)
    put([*stored().values()][: cut - 20])  # as after restoring a backup
    move_head()
    worker = IntegrityMonitor(Actor.system("worker"))
    for _ in range(3):
        write(2)
        clock(601)
        worker.run_due()
    [event] = AuditEvent.objects.filter(action="audit.found_altered")
    facts = [event.details[name] for name in ("verdict", "about", "checkpoint")]
    assert facts == ["tail_cut", event.seq, kept]
    said = (
        f"The end of the log is missing. The last checkpoint that still has its event is at event {kept};"
        " some or all events after it are missing."
        f" The log ended at event {event.seq - 1} when it was verified."
    )
    assert said in as_administrator.get("/audit/integrity/").content.decode()
    page = as_administrator.get(f"/audit/{event.seq}/").content.decode()
    assert f"found that the end of the audit log is missing: it ended before event {event.seq}" in page


def test_altered_log_is_a_problem_until_a_complete_verification_succeeds(
    clock: Callable[[float], None], settings: Settings
) -> None:
    write(4)
    sign_checkpoint(Actor.system("tests"))
    rows = stored()
    good = [dict(row) for row in rows.values()]
    rows[2]["actor_name"] = "Bob"
    put([*rows.values()])
    worker = IntegrityMonitor(Actor.system("worker"))
    for _ in range(3):
        clock(601)
        worker.run_due()
    [event] = AuditEvent.objects.filter(action="audit.found_altered")
    assert (event.details["verdict"], event.details["about"], event.failure) == ("changed", 2, True)
    assert standing_problem() == event
    [line] = [line for line in status.lines() if line.name == "audit_log"]
    assert (line.level, "Event 2 was changed." in line.text) == (status.Level.CRITICAL, True)
    put([*good, *[row for seq, row in stored().items() if seq > len(good)]])
    call_command("audit_verify", "--from-checkpoint")
    assert standing_problem() == event
    call_command("audit_verify")
    assert standing_problem() is None


def test_unwritable_file_is_retried(
    clock: Callable[[float], None], settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "folder"
    settings.AUDIT_CHECKPOINT_FILE.mkdir()
    write(1)
    worker = IntegrityMonitor(Actor.system("worker"))
    worker.run_due()
    clock(61)
    with caplog.at_level("ERROR"):
        worker.run_due()
    assert "audit_checkpoint_not_written" in caplog.text
    assert names() == ["submission.viewed"]
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "file"
    for _ in range(2):
        clock(61)
        worker.run_due()
    assert signed(settings) == [1]


@pytest.mark.parametrize("column", [{"data": "x"}, {"data": "{}"}, {"time": 9 * 10**18}])
def test_altered_verification_does_not_stop_the_next_ones(
    clock: Callable[[float], None], column: dict[str, Any]
) -> None:
    write(2)
    sign_checkpoint(Actor.system("tests"))
    call_command("audit_verify")
    write(1)
    rows = stored()
    rows[4] |= column
    put([*rows.values()])
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    worker.run_due()
    event = AuditEvent.objects.get(action="audit.found_altered")
    assert (event.details["verdict"], event.details["about"], event.details["scope"]) == (
        "changed",
        4,
        "whole",
    )


def test_verification_with_a_future_time_does_not_delay_the_next_complete_one(
    clock: Callable[[float], None], complete: list[bool]
) -> None:
    write(2)
    sign_checkpoint(Actor.system("tests"))
    call_command("audit_verify")
    write(1)
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    worker.run_due()
    rows = stored()
    rows[4]["time"] += 10**15  # thirty years
    put([*rows.values()])
    clock(601)
    worker.run_due()
    assert complete == [False, True]


def test_verification_without_checkpoints_does_not_delay_the_next_complete_one(
    clock: Callable[[float], None], complete: list[bool]
) -> None:
    write(2)
    assert exit_code("audit_verify") == 1
    sign_checkpoint(Actor.system("tests"))
    worker = IntegrityMonitor(Actor.system("worker"))
    for _ in range(2):
        clock(601)
        worker.run_due()
    assert complete == [True, False]
    verified = AuditEvent.objects.filter(action="audit.verified").order_by("seq")
    assert [event.details["verdict"] for event in verified] == ["unsigned", "unchanged"]


def test_log_that_nobody_signs_is_verified_as_a_whole_once_a_day(
    clock: Callable[[float], None], complete: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "append", full)
    write(2)
    worker = IntegrityMonitor(Actor.system("worker"))
    for _ in range(3):
        clock(601)
        worker.run_due()
    clock(monitor.VERIFY_WHOLE_INTERVAL)
    worker.run_due()
    assert complete == [True, False, False, True]
    assert names()[2:] == ["audit.verified", "audit.verified"]


def test_complete_verification_that_was_not_recorded_is_repeated(
    clock: Callable[[float], None], complete: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_given: Any) -> None:
        raise OperationalError("lost")

    write(2)
    sign_checkpoint(Actor.system("tests"))
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    with monkeypatch.context() as patched:
        patched.setattr(monitor, "record_result", lost)
        with pytest.raises(OperationalError):
            worker.run_due()
    clock(601)
    worker.run_due()
    assert complete == [True, True]


def test_failed_verification_waits_for_its_next_turn(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(**_given: Any) -> None:
        raise OperationalError("lost")

    write(1)
    worker = IntegrityMonitor(Actor.system("worker"))
    with monkeypatch.context() as patched:
        patched.setattr(monitor, "verify", lost)
        clock(601)
        with pytest.raises(OperationalError):
            worker.run_due()
        clock(1)
        worker.run_due()
    clock(601)
    worker.run_due()
    assert "audit.verified" in names()


def test_unreadable_file_is_reported_once_per_turn(
    clock: Callable[[float], None], settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(1)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    for _ in range(3):
        worker.run_due()
        clock(1)
    assert [one.message for one in caplog.records].count("audit_log_not_verified") == 1
    assert names() == ["submission.viewed"]


def test_alteration_that_could_not_be_recorded_is_recorded_at_the_next_turn(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_given: Any) -> None:
        raise OperationalError("lost")

    write(3)
    rows = stored()
    rows[2]["person"] = "x"
    put([*rows.values()])
    worker = IntegrityMonitor(Actor.system("worker"))
    clock(601)
    with monkeypatch.context() as patched:
        patched.setattr(monitor, "record_result", lost)
        with pytest.raises(OperationalError):
            worker.run_due()
    clock(601)
    worker.run_due()
    assert "audit.found_altered" in names()


def exit_code(*arguments: str) -> Any:
    try:
        call_command(*arguments)
    except SystemExit as end:
        return end.code
    return 0


def test_commands_report_by_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    write(3)
    assert exit_code("audit_verify") == 1
    call_command("audit_checkpoint")
    assert exit_code("audit_verify") == 0
    assert "unchanged: The audit log is unchanged." in capsys.readouterr().out
    rows = stored()
    rows[2]["person"] = "x"
    rows[4]["person"] = "x"
    put([*rows.values()])
    assert exit_code("audit_verify") == 2
    assert "changed: Event 2 was changed." in capsys.readouterr().out
    with pytest.raises(CommandError, match="audit_verify"):
        call_command("audit_checkpoint")
    call_command("audit_checkpoint", "--key")
    assert "(id a1baf30626b9bef8)" in capsys.readouterr().out


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_command_distinguishes_a_lost_database_from_a_verdict(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(**_given: Any) -> None:
        raise error("lost")

    monkeypatch.setattr(audit_verify, "verify", lost)
    assert exit_code("audit_verify") == 3
    said = capsys.readouterr()
    assert (said.out, "The database failed or does not answer" in said.err) == ("", True)


def test_command_distinguishes_an_unreadable_file_from_a_verdict(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(1)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    assert exit_code("audit_verify") == 3
    said = capsys.readouterr()
    assert (said.out, "The file of checkpoints could not be read" in said.err) == ("", True)
    assert names() == ["submission.viewed"]


def test_problem_that_another_machine_does_not_see_is_recorded_again(
    clock: Callable[[float], None], settings: Settings, tmp_path: Path
) -> None:
    worker, files = Actor.system("worker"), (tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    write(20)
    for file in files:
        settings.AUDIT_CHECKPOINT_FILE = file
        sign_checkpoint(worker)
    write(20)
    sign_checkpoint(worker)  # only the second file covers these
    put([*stored().values()][:25])
    move_head()
    seeing, other = IntegrityMonitor(worker), IntegrityMonitor(worker)
    clock(monitor.VERIFY_INTERVAL)
    write(1)
    seeing.run_due()
    found = standing_problem()
    assert found is not None
    clock(monitor.VERIFY_WHOLE_INTERVAL)
    settings.AUDIT_CHECKPOINT_FILE = files[0]
    other.run_due()
    assert standing_problem() is None  # by the file of that machine
    settings.AUDIT_CHECKPOINT_FILE = files[1]
    for _turn in range(3):
        clock(monitor.VERIFY_INTERVAL)
        seeing.run_due()
    again = standing_problem()
    assert again is not None
    assert again.seq > found.seq
    assert AuditEvent.objects.filter(action="audit.found_altered", seq__gt=found.seq).count() == 1
