"""The file of a report, and the program that verifies it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.integrity.signing import sign_checkpoint
from apps.batches.audit_events import BATCH_DOWNLOADED
from apps.consumers.models import Submission
from apps.core.web.lasting_access import AccessEnded
from tests.support.access_report import FILE, PAGE, PASSPORT, downloaded, made_for, of_list
from tests.support.people import TESTS, events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def files(
    as_auditor: Client, as_administrator: Client, as_supervisor: Client, supervisor: User, one: Submission,
    tmp_path: Path,
) -> Path:  # fmt: skip
    """A folder with a report, a later proof of the log, and the programs from the report."""
    as_supervisor.get(reverse("history:submissions"), {"period": "all"})
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    made_for(one, uuid.UUID(int=7), 1)
    of_list(BATCH_DOWNLOADED, uuid.UUID(int=7), supervisor)
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    (tmp_path / "report.zip").write_bytes(downloaded(as_auditor, answer["Location"].replace(PAGE, FILE)))
    sign_checkpoint(TESTS)
    (tmp_path / "proof.zip").write_bytes(downloaded(as_administrator, reverse("audit:proof")))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        archive.extractall(tmp_path / "report")
    return tmp_path


def verified(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the report's own verifier in a Python without installed packages and without the portal."""
    program = str(folder / "report" / "verify_access_report.py")
    command = [sys.executable, "-I", "-S", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)


def test_outsider_verifies_the_file(files: Path) -> None:
    alone = verified(files, "report.zip")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "The report has 4 events." in alone.stdout
    with_log = verified(files, "report.zip", "--proof", "proof.zip")
    assert with_log.returncode in (0, 1), with_log.stdout + with_log.stderr
    assert "none that names the person is left out" in with_log.stdout
    about = json.loads((files / "report" / "report.json").read_text())
    assert about["counts"] == {"showed": 3, "possible": 0, "searched": 1}


def test_file_ends_with_the_access_of_its_person(as_auditor: Client, auditor: User, one: Submission) -> None:
    report: Any = as_auditor.post(PAGE, PASSPORT)
    answer: Any = as_auditor.post(report["Location"].replace(PAGE, FILE))
    parts = iter(answer.streaming_content)
    next(parts)
    services.deactivate_person(person_id=auditor.pk, actor=TESTS)
    with pytest.raises(AccessEnded):
        next(parts)


def _left_out(folder: Path) -> None:
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(b"".join(lines[1:]))
    rows = (folder / "report.csv").read_bytes().splitlines(keepends=True)
    (folder / "report.csv").write_bytes(b"".join([rows[0], *rows[2:]]))


def _list_left_out(folder: Path) -> None:
    for name in ("events.jsonl", "report.csv"):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join(line for line in lines if b"batch.downloaded" not in line))


def _other_person(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Sue Person", b"Sam Person", 1))


def _other_address(folder: Path) -> None:
    path = folder / "report.csv"
    path.write_bytes(path.read_bytes().replace(b"127.0.0.1", b"127.0.0.2", 1))


@pytest.mark.parametrize("alter", [_left_out, _list_left_out, _other_person, _other_address])
def test_altered_file_is_not_verified(files: Path, alter: Callable[[Path], None]) -> None:

    alter(files / "report")
    names = ("report.json", "report.csv", "events.jsonl")
    digests = {name: hashlib.sha256((files / "report" / name).read_bytes()).hexdigest() for name in names}
    (files / "report" / "manifest.json").write_text(json.dumps({"files": digests}))  # as a forger would
    result = verified(files, "report", "--proof", "proof.zip")
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("different: ")


@pytest.mark.sql("repeated")
def test_export_of_a_report_is_an_event(files: Path, auditor: User) -> None:
    [event] = events("access_report.exported")
    assert (event.actor_id, event.details["about"], event.details["count"]) == (str(auditor.pk), "search", 4)
