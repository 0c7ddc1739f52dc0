"""The Integrity page: the last verdict, a verification with progress, and the proof."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.integrity import stored_rows
from apps.audit.integrity.proof import bundle as proof_bundle
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.models import AuditEvent
from apps.core.actor import Actor
from apps.core.web.lasting_access import AccessEnded
from tests.support.audit_logs import put, stored, write

pytestmark = pytest.mark.django_db(transaction=True)


def posted(client: Client, name: str) -> bytes:
    """The parts of a streamed page, joined."""
    response = client.post(reverse(name))
    assert isinstance(response, StreamingHttpResponse)
    content = b"".join(response.streaming_content)
    response.close()
    return content


def page(client: Client) -> str:
    return client.get(reverse("audit:integrity")).content.decode()


@pytest.fixture
def signed_log() -> None:
    write(4)
    sign_checkpoint(Actor.system("tests"))


def test_page_without_a_verification_shows_that_there_is_none(as_administrator: Client) -> None:
    shown = page(as_administrator)
    assert "The log has not been verified yet." in shown
    assert "Verify now" in shown
    assert "Download proof" in shown


def test_verify_now_shows_progress_and_result(
    as_administrator: Client, administrator: User, signed_log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "BATCH", 2)
    shown = posted(as_administrator, "audit:verify").decode()
    assert shown.count("<progress") >= 3
    assert shown.index("<progress") < shown.index("The audit log is unchanged.") < shown.index("</main>")
    event = AuditEvent.objects.get(action="audit.verified")
    assert (event.actor_id, event.details["verdict"]) == (str(administrator.pk), "unchanged")
    assert "The audit log is unchanged." in page(as_administrator)
    signed = AuditEvent.objects.get(action="audit.checkpoint_signed").details["last"]
    assert f"The last checkpoint is at event {signed}." in page(as_administrator)


@pytest.mark.parametrize(
    ("seq", "good"), [(1, "No event before it was verified."), (3, "Events 1 to 2 are consistent.")]
)
def test_altered_log_is_reported_on_the_page_and_recorded(
    as_administrator: Client, signed_log: None, seq: int, good: str
) -> None:
    rows = stored()
    rows[seq]["actor_name"] = "Bob"
    put([*rows.values()])
    streamed = posted(as_administrator, "audit:verify").decode()
    assert f"Event {seq} was changed." in streamed
    assert good in streamed
    event = AuditEvent.objects.get(action="audit.found_altered")
    assert (event.failure, event.details["last"]) == (True, seq - 1)
    assert f"Event {seq} was changed." in page(as_administrator)


def test_log_that_accepts_no_events_can_be_verified(as_administrator: Client, signed_log: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET seq = 2")
    shown = posted(as_administrator, "audit:verify").decode()
    assert "differs from the log, from event 2 on" in shown
    assert "could not be recorded in the log" in shown


@pytest.mark.parametrize(
    "alteration", ["seq = 2", "seq = seq + 5", f"seq = {2**60}", "hash = '{}'".format("5" * 64)]
)
def test_proof_can_be_downloaded_from_a_log_that_accepts_no_events(
    *,
    as_administrator: Client,
    administrator: User,
    signed_log: None,
    caplog: pytest.LogCaptureFixture,
    alteration: str,
    tmp_path: Path,
) -> None:
    assert "accepts no new events" not in page(as_administrator)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_head SET {alteration}")
    assert "The log accepts no new events" in page(as_administrator)
    proof = tmp_path / "proof.zip"
    proof.write_bytes(posted(as_administrator, "audit:proof"))
    [log_record] = [one for one in caplog.records if one.message == "audit_proof_not_recorded"]
    assert log_record.__dict__["actor_id"] == str(administrator.pk)
    assert not AuditEvent.objects.filter(action="audit.proof_downloaded").exists()
    with zipfile.ZipFile(proof) as archive:
        assert json.loads(archive.read("manifest.json"))["recorded"] is False
        archive.extractall(tmp_path)
    assert alone(tmp_path, proof).returncode == 2


def test_proof_ends_with_the_access_of_its_person(
    as_administrator: Client, administrator: User, signed_log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "BATCH", 2)
    answer = as_administrator.post(reverse("audit:proof"))
    assert isinstance(answer, StreamingHttpResponse)
    parts = iter(answer.streaming_content)
    next(parts)
    services.sign_out_everywhere(person_id=administrator.pk, actor=Actor.system("tests"))
    with pytest.raises(AccessEnded):
        next(parts)


@pytest.mark.parametrize(("micros", "takes"), [(-1, True), (10**16, False)])
def test_head_set_to_a_future_time_is_reported(
    as_administrator: Client, signed_log: None, micros: int, takes: bool
) -> None:
    """Every later event would have that time. A head that was set back makes no difference."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET time = time + %s", [micros])
    assert ("accepts no new events" not in page(as_administrator)) is takes


def test_unreadable_log_gives_no_proof(
    as_administrator: Client, signed_log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(event: object) -> int:
        raise OperationalError("locked")

    monkeypatch.setattr(proof_bundle, "record", locked)
    as_administrator.raise_request_exception = False
    assert as_administrator.post(reverse("audit:proof")).status_code >= 500


def test_proof_is_verified_with_plain_python(
    as_administrator: Client, administrator: User, signed_log: None, tmp_path: Path
) -> None:
    proof = tmp_path / "proof.zip"
    proof.write_bytes(posted(as_administrator, "audit:proof"))
    assert AuditEvent.objects.get(action="audit.proof_downloaded").actor_id == str(administrator.pk)
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(proof) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    for where in (proof, folder):
        answer = alone(folder, where)
        assert (answer.returncode, answer.stdout.splitlines()[0]) == (
            0,
            "unchanged: The audit log is unchanged.",
        )
    assert alone(folder, proof, "--key", "a1baf30626b9bef8").returncode == 0
    assert alone(folder, proof, "--key", "0" * 16).returncode == 2
    events = folder / "events.jsonl"
    events.write_text(events.read_text().replace("Anna", "Bob", 1))
    answer = alone(folder, folder)
    first = AuditEvent.objects.filter(actor_name="Anna").earliest("seq").seq
    assert (answer.returncode, answer.stdout.splitlines()[0]) == (2, f"changed: Event {first} was changed.")
    events.unlink()
    assert alone(folder, folder).returncode == 3


def alone(folder: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run the archive's verifier in a Python without installed packages and without the portal."""
    command = [sys.executable, "-I", "-S", str(folder / "verify_audit_log.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)


def test_proof_of_an_altered_log_can_be_downloaded(as_administrator: Client, signed_log: None) -> None:
    rows = stored()
    rows[2]["data"] = "not even JSON"
    put([*rows.values()])
    with zipfile.ZipFile(io.BytesIO(posted(as_administrator, "audit:proof"))) as archive:
        assert len(archive.read("events.jsonl").splitlines()) == AuditEvent.objects.count()


@pytest.mark.parametrize("name", ["audit:verify", "audit:proof"])
def test_acts_need_a_post(as_administrator: Client, name: str) -> None:
    assert as_administrator.get(reverse(name)).status_code == 405


def test_other_roles_are_refused(as_supervisor: Client) -> None:
    assert as_supervisor.get(reverse("audit:integrity")).status_code == 403
    assert as_supervisor.post(reverse("audit:verify")).status_code == 403
    assert as_supervisor.post(reverse("audit:proof")).status_code == 403
