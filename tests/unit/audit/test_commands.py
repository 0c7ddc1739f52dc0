"""A command of the audit log that cannot do its work says why in one line, without a traceback."""

from __future__ import annotations

import io
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from pytest_django import Settings

from apps.audit.integrity import checkpoints, retention
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.management.commands import audit_acknowledge, audit_begin, audit_checkpoint, audit_verify
from tests.support.audit_flush import lift_triggers
from tests.support.audit_logs import write
from tests.support.people import events

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LOST = [OperationalError("password=hunter2"), InterfaceError("password=hunter2")]


def run(*arguments: str) -> str:
    """What the command prints on standard output and standard error, in this order."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def failing(error: Exception) -> Any:
    def fail(*_given: object, **_named: object) -> None:
        raise error

    return fail


@dataclass
class Signed:
    """A checkpoint of another machine on which the log begins later."""

    beginning: Beginning


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of another machine's checkpoints; this machine has none."""
    file = tmp_path / "copied.jsonl"
    file.touch()
    found = (0, Signed(Beginning(5, "0" * 64)))
    monkeypatch.setattr(
        checkpoints, "last_valid", lambda path, _keys: found if path.name == file.name else None
    )
    return file


# --- audit_begin ----------------------------------------------------------------------------------
def test_missing_copy_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be used: No such file"):
        run("audit_begin", str(tmp_path / "copy.jsonl"))


@pytest.mark.parametrize("busy", [0, 2, 3])
def test_beginning_is_signed_although_a_worker_signs_first(
    copied: Path, monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    adopted: list[Beginning] = []

    def adopt(elsewhere: Checkpoint, _actor: object) -> object:
        adopted.append(elsewhere.beginning)
        return None if len(adopted) <= busy else object()

    monkeypatch.setattr(audit_begin, "adopt_beginning", adopt)
    if busy < audit_begin.MAX_ATTEMPTS:
        run("audit_begin", str(copied))
        assert adopted == [Beginning(5, "0" * 64)] * (busy + 1)
    else:
        with pytest.raises(CommandError, match="others sign all the time"):
            run("audit_begin", str(copied))


# --- A lost database ------------------------------------------------------------------------------
@pytest.mark.parametrize("error", LOST)
@pytest.mark.parametrize(
    ("command", "module", "step"),
    [
        (["audit_begin", "copied.jsonl"], audit_begin, "adopt_beginning"),
        (["audit_acknowledge", "1", "--report=INC-1"], audit_acknowledge, "acknowledge"),
        (["audit_checkpoint"], audit_checkpoint, "sign_checkpoint"),
        (["audit_retain", "--up-to=1"], retention, "plan"),
    ],
)
def test_lost_database_is_reported_without_its_details(
    copied: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    module: Any,
    step: str,
    error: DatabaseError | InterfaceError,
) -> None:
    monkeypatch.setattr(module, step, failing(error))
    monkeypatch.chdir(copied.parent)
    with pytest.raises(CommandError) as refused:
        run(*command)
    assert str(refused.value) == f"The database failed or does not answer ({type(error).__name__})"


# --- A file that cannot be used -------------------------------------------------------------------
def test_unusable_file_of_checkpoints_is_reported(settings: Settings, tmp_path: Path) -> None:
    write(1)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    with pytest.raises(CommandError, match="The file of checkpoints cannot be written: Is a directory"):
        run("audit_checkpoint")
    with pytest.raises(CommandError, match="The file of checkpoints cannot be read: Is a directory"):
        run("audit_acknowledge", "1", "--report=INC-1")
    with pytest.raises(CommandError, match=r"The file of checkpoints cannot be used \(IsADirectoryError\)"):
        run("audit_retain", "--up-to=1")


def test_log_without_events_is_not_signed(settings: Settings) -> None:
    assert run("audit_checkpoint") == "Nothing came since the last checkpoint.\n"
    assert not settings.AUDIT_CHECKPOINT_FILE.exists()


@pytest.mark.parametrize("days", ["0", "-3"])
def test_events_of_today_are_never_old(days: str) -> None:
    with pytest.raises(CommandError, match="at least one day"):
        run("audit_retain", f"--older-than={days}")


# --- audit_verify ---------------------------------------------------------------------------------
@pytest.mark.parametrize("error", LOST)
def test_verdict_is_reported_although_it_cannot_be_recorded(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(audit_verify, "record_result", failing(error))
    run("audit_checkpoint")
    assert re.fullmatch(
        r"unchanged: .*\n.*\nThe verification could not be recorded: the log takes no events\.\n",
        run("audit_verify"),
    )


def test_progress_is_drawn_on_a_terminal_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    write(1)
    run("audit_checkpoint")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("audit_verify").startswith("unchanged: ")
    *_, full, blank, rest = terminal.getvalue().split("\r")
    assert full == f"[{'#' * audit_verify.WIDTH}] 100 %"
    assert (len(blank) >= len(full), blank.strip(), rest) == (True, "", "")


# --- audit_export ---------------------------------------------------------------------------------
def test_lost_reader_of_the_output_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    write(2)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as unread:  # noqa: PTH123  (a descriptor, not a path)
        monkeypatch.setattr(sys, "stdout", unread)
        with pytest.raises(CommandError, match="The reader of the output has gone"):
            call_command("audit_export", "--after=0")
        monkeypatch.undo()
    # Closing flushed the buffer again, as Python does at exit, and raised nothing.
    assert events("audit.exported") == []
    assert len(events("audit.export_failed")) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_that_cannot_be_written_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    write(2)
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  (as the terminal redirects to it)
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(CommandError, match="The output cannot be written: No space left on device"):
            call_command("audit_export", "--after=0")
        monkeypatch.undo()
    assert events("audit.exported") == []
    assert len(events("audit.export_failed")) == 1


def test_removed_events_are_named() -> None:
    write(4)
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq <= 2")
    out, err = io.StringIO(), io.StringIO()
    call_command("audit_export", "--after=1", stdout=out, stderr=err)
    assert err.getvalue() == "Events 2 to 2 are no longer stored\n"
    assert [int(seq) for seq in re.findall(r'"seq":(\d+)', out.getvalue())] == [3, 4]
