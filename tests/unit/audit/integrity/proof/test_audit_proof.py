"""The proof as a file, by whoever sits at the machine: also where nobody can sign in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from apps.audit.integrity.proof import bundle as making
from apps.audit.integrity.proof.verify_audit_log import Archive, check
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.management.commands import audit_proof
from apps.audit.models import AuditEvent
from tests.support.audit_logs import SIGNER, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the proof goes, empty; the log has four events and a signature."""
    write(4)
    sign_checkpoint(SIGNER)
    (tmp_path / "proofs").mkdir()
    return tmp_path / "proofs"


def taken() -> list[AuditEvent]:
    return [*AuditEvent.objects.filter(action="audit.proof_downloaded")]


def recorded(proof: Path) -> bool:
    with zipfile.ZipFile(proof) as archive:
        return bool(json.loads(archive.read("manifest.json"))["recorded"])


def test_the_proof_is_one_file_for_its_owner_alone_and_an_event(folder: Path) -> None:
    out, proof = io.StringIO(), folder / "proof.zip"
    call_command("audit_proof", str(proof), stdout=out)
    assert [one.name for one in folder.iterdir()] == ["proof.zip"]
    assert proof.stat().st_mode & 0o777 == 0o600
    assert check(Archive(proof)) == ("unchanged", None)
    assert recorded(proof)
    [event] = taken()
    assert (event.actor_name, event.details["last"]) == ("system:audit_proof", event.seq - 1)
    content = proof.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert out.getvalue() == f"Wrote {proof}: {len(content)} bytes, SHA-256 {digest}\n"


@pytest.mark.parametrize(
    "bent", ["seq = 2", f"seq = {2**60}", f"seq = {2**63 - 1}", "hash = '{}'".format("5" * 64)]
)
def test_it_is_taken_where_the_log_takes_no_events_and_says_so(
    folder: Path, bent: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_head SET {bent}")
    out, proof = io.StringIO(), folder / "proof.zip"
    with pytest.raises(SystemExit) as ended:
        call_command("audit_proof", str(proof), stdout=out)
    assert ended.value.code == 2
    assert "not recorded" in out.getvalue()
    assert out.getvalue().count("\n") == 1
    assert [one.name for one in folder.iterdir()] == ["proof.zip"]
    assert not recorded(proof)
    assert not taken()
    assert "audit_proof_not_recorded" in caplog.messages


def test_without_its_event_no_proof_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_event: object) -> int:
        raise OperationalError("locked")

    monkeypatch.setattr(making, "record", locked)
    with pytest.raises(CommandError, match=r"No proof was written: .*OperationalError"):
        call_command("audit_proof", str(folder / "proof.zip"))
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("fault", [OperationalError("gone"), OSError(28, "No space"), KeyboardInterrupt()])
def test_a_fault_in_the_middle_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def broken(*, recorded: bool) -> Iterator[bytes]:
        yield b"the first part"
        assert [one.name for one in folder.iterdir()] != ["proof.zip"]
        raise fault

    monkeypatch.setattr(audit_proof, "bundle", broken)
    with pytest.raises((CommandError, KeyboardInterrupt)) as raised:
        call_command("audit_proof", str(folder / "proof.zip"))
    assert getattr(raised.value, "returncode", 1) == 1
    assert [*folder.iterdir()] == []


def test_a_file_that_is_there_stays_and_nothing_is_told(folder: Path) -> None:
    proof = folder / "proof.zip"
    proof.write_text("of last week")
    with pytest.raises(CommandError, match="No proof was written: there is a file of that name"):
        call_command("audit_proof", str(proof))
    assert proof.read_text() == "of last week"
    assert not taken()


def test_a_file_that_came_meanwhile_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = folder / "proof.zip"

    def slow(*, recorded: bool) -> Iterator[bytes]:
        proof.write_text("of somebody else")
        yield b"all"

    monkeypatch.setattr(audit_proof, "bundle", slow)
    with pytest.raises(CommandError, match="there is a file of that name"):
        call_command("audit_proof", str(proof))
    assert [one.read_text() for one in folder.iterdir()] == ["of somebody else"]


def test_a_file_system_without_links_takes_the_proof_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_paths: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    call_command("audit_proof", str(folder / "proof.zip"))
    assert [one.name for one in folder.iterdir()] == ["proof.zip"]


def test_a_folder_that_is_not_there_is_told_in_a_line(folder: Path) -> None:
    with pytest.raises(CommandError, match="No proof was written"):
        call_command("audit_proof", str(folder / "missing" / "proof.zip"))
    assert not taken()
