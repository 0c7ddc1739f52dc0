"""The command that writes the proof to a file, also if signing in is impossible."""

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
    """An empty target folder; the log has four events and a signature."""
    write(4)
    sign_checkpoint(SIGNER)
    (tmp_path / "proofs").mkdir()
    return tmp_path / "proofs"


def taken() -> list[AuditEvent]:
    return [*AuditEvent.objects.filter(action="audit.proof_downloaded")]


def recorded(proof: Path) -> bool:
    with zipfile.ZipFile(proof) as archive:
        return bool(json.loads(archive.read("manifest.json"))["recorded"])


def test_proof_is_one_private_file_and_recorded(folder: Path) -> None:
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
    "alteration", ["seq = 2", f"seq = {2**60}", f"seq = {2**63 - 1}", "hash = '{}'".format("5" * 64)]
)
def test_proof_can_be_made_without_recording_and_the_command_reports_it(
    folder: Path, alteration: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_head SET {alteration}")
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


def test_no_proof_without_its_event_if_events_can_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_event: object) -> int:
        raise OperationalError("locked")

    monkeypatch.setattr(making, "record", locked)
    with pytest.raises(CommandError, match=r"No proof was written\. .*OperationalError"):
        call_command("audit_proof", str(folder / "proof.zip"))
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("fault", [OperationalError("gone"), OSError(28, "No space"), KeyboardInterrupt()])
def test_fault_while_writing_leaves_no_file(
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


def test_existing_file_stays_and_nothing_is_recorded(folder: Path) -> None:
    proof = folder / "proof.zip"
    proof.write_text("of last week")
    with pytest.raises(CommandError, match="No proof was written: there is a file of that name"):
        call_command("audit_proof", str(proof))
    assert proof.read_text() == "of last week"
    assert not taken()


def _no_links(*_paths: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_file_created_meanwhile_stays(folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    proof = folder / "proof.zip"
    if not links:
        monkeypatch.setattr(os, "link", _no_links)

    def slow(*, recorded: bool) -> Iterator[bytes]:
        proof.write_text("of somebody else")
        yield b"all"

    monkeypatch.setattr(audit_proof, "bundle", slow)
    with pytest.raises(CommandError, match="there is a file of that name"):
        call_command("audit_proof", str(proof))
    assert [one.read_text() for one in folder.iterdir()] == ["of somebody else"]


def test_proof_can_be_written_without_hard_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    call_command("audit_proof", str(folder / "proof.zip"))
    assert [one.name for one in folder.iterdir()] == ["proof.zip"]


def test_missing_folder_is_reported_in_one_line(folder: Path) -> None:
    with pytest.raises(CommandError, match="No proof was written"):
        call_command("audit_proof", str(folder / "missing" / "proof.zip"))
    assert not taken()
