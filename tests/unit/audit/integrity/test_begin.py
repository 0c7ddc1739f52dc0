"""Several machines with checkpoints of their own: one removes the oldest events, the others adopt that."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings

from apps.audit.events import Event
from apps.audit.integrity import checkpoints
from apps.audit.integrity.checkpoints import Beginning
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.proof.bundle import bundle
from apps.audit.integrity.proof.verify_audit_log import Archive, check
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core.actor import Actor
from tests.support.audit_flush import lift_triggers

pytestmark = pytest.mark.django_db(transaction=True)

SIGNER = Actor.system("tests")


def write(number: int) -> None:
    for _ in range(number):
        with transaction.atomic():
            record(Event(SUBMISSION_VIEWED, Actor(id="17", name="Anna")))


def begin(file: Path) -> str:
    out = io.StringIO()
    call_command("audit_begin", str(file), stdout=out)
    return out.getvalue()


@pytest.fixture
def on(settings: Settings, tmp_path: Path) -> Callable[[str], Path]:
    """Switch to a machine with checkpoints of its own."""

    def go(machine: str) -> Path:
        settings.AUDIT_CHECKPOINT_FILE = tmp_path / f"{machine}.jsonl"
        path: Path = settings.AUDIT_CHECKPOINT_FILE
        return path

    return go


@pytest.fixture
def retained(on: Callable[[str], Path]) -> Path:
    """Both machines have signed, then the first removed events 1 to 4; returns their checkpoint files."""
    first = on("first")
    write(4)
    sign_checkpoint(SIGNER)
    on("second")
    write(3)
    sign_checkpoint(SIGNER)
    on("first")
    write(3)
    sign_checkpoint(SIGNER)
    call_command("audit_retain", "--up-to", "4", stdout=io.StringIO())
    assert verify().verdict is Verdict.UNCHANGED
    return first


@pytest.mark.parametrize("machine", ["second", "new"])
def test_other_machine_reports_a_problem_until_it_adopts_the_new_beginning(
    on: Callable[[str], Path], retained: Path, machine: str, tmp_path: Path
) -> None:
    own = on(machine)
    assert verify().verdict is Verdict.MISSING
    begin(retained)
    result = verify()
    assert (result.verdict, result.first, result.whole) == (Verdict.UNCHANGED, 5, True)
    last = [*checkpoints.read(own)][-1][1]
    assert last.beginning == Beginning(5, str(AuditEvent.objects.get(seq=5).previous_hash))
    write(2)
    assert sign_checkpoint(SIGNER) is not None
    assert verify().verdict is Verdict.UNCHANGED
    (tmp_path / "proof.zip").write_bytes(b"".join(bundle()))
    assert check(Archive(tmp_path / "proof.zip")) == ("unchanged", None)
    assert "knows already" in begin(retained)


def test_one_line_from_the_log_shipper_is_sufficient(on: Callable[[str], Path], retained: Path) -> None:
    *_, last = retained.read_text().splitlines(keepends=True)
    shipped = on("kept")
    shipped.write_text(last)
    on("new")
    begin(shipped)
    assert verify().verdict is Verdict.UNCHANGED


def test_unsigned_beginning_is_not_adopted(
    on: Callable[[str], Path], retained: Path, settings: Settings
) -> None:
    forged = on("forged")
    lines = retained.read_text().replace('"first":5', '"first":6').splitlines(keepends=True)
    forged.write_text("".join(line for line in lines if '"first":6' in line))
    own = on("second")
    before = own.read_bytes()
    with pytest.raises(CommandError, match="no checkpoint"):
        begin(forged)
    assert own.read_bytes() == before


def test_beginning_that_does_not_verify_is_not_signed(on: Callable[[str], Path], retained: Path) -> None:
    own = on("new")
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq = 6")
    with pytest.raises(CommandError) as refused:
        begin(retained)
    assert isinstance(refused.value.__cause__, NotSignedError)
    assert refused.value.returncode == 2
    assert not own.exists()


# --- A file that was copied, restored or lost (docs/audit.md) ---------------------------------------
def test_machines_that_continue_a_copied_file_each_begin_a_new_one(
    on: Callable[[str], Path], tmp_path: Path
) -> None:
    first = on("first")
    write(2)
    sign_checkpoint(SIGNER)
    shutil.copy(first, on("clone"))
    for machine in ("first", "clone"):
        on(machine)
        write(1)
        sign_checkpoint(SIGNER)
    for machine in ("first", "clone"):
        own = on(machine)
        assert verify().verdict is Verdict.CHECKPOINTS_DAMAGED
        own.rename(tmp_path / f"{machine}.away")
        sign_checkpoint(SIGNER)
        assert verify().verdict is Verdict.UNCHANGED
    on("first")
    assert verify().verdict is Verdict.UNCHANGED


def test_restored_file_is_completed_with_the_lines_of_the_log_shipper(on: Callable[[str], Path]) -> None:
    own = on("first")
    for _ in range(3):
        write(1)
        sign_checkpoint(SIGNER)
    earlier, *missing = own.read_text().splitlines(keepends=True)
    own.write_text(earlier)
    assert verify().verdict is Verdict.CHECKPOINTS_DAMAGED
    with own.open("a") as file:
        file.writelines(missing)
    assert verify().verdict is Verdict.UNCHANGED


def test_restored_file_that_was_continued_is_replaced(
    on: Callable[[str], Path], retained: Path, tmp_path: Path
) -> None:
    on("first")
    lines = retained.read_text().splitlines(keepends=True)
    write(1)
    sign_checkpoint(SIGNER)
    retained.write_text("".join(lines))
    write(1)
    sign_checkpoint(SIGNER)
    assert verify().verdict is Verdict.CHECKPOINTS_DAMAGED
    away = retained.rename(tmp_path / "away.jsonl")
    assert verify().verdict is Verdict.MISSING
    begin(away)
    assert verify().verdict is Verdict.UNCHANGED
