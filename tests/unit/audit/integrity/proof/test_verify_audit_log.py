"""The output of the one-file verifier: whose signature a proof has, and which events it covers."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings as portal
from pytest_django import Settings

from apps.audit.integrity import checkpoints
from apps.audit.integrity.proof.bundle import VERIFIER, bundle
from apps.audit.integrity.proof.verify_audit_log import GENESIS, parse_event, write_json
from apps.audit.integrity.signing import sign_checkpoint
from tests.support.audit_logs import SIGNER, move_head, put, stored, write

pytestmark = pytest.mark.django_db(transaction=True)


def own_key(settings: Settings) -> str:
    return checkpoints.key_id(checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key())


def public_key(settings: Settings) -> str:
    """The whole public key, as ``audit_checkpoint --key`` prints it."""
    key = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def put_in_another_key(settings: Settings) -> None:
    """Let an attacker add their own key: the previous key may still sign, as after a key change."""
    old = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key().public_bytes_raw()
    settings.AUDIT_FORMER_PUBLIC_KEYS = [base64.b64encode(old).decode()]
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()


def verifier(proof: Path, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of the program, in a Python with no other modules of ours."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(proof), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.stderr == ""
    return answer.returncode, answer.stdout.splitlines()


def unpacked(folder: Path) -> Path:
    """The proof of the current log, as a folder."""
    folder.mkdir()
    packed = folder.with_suffix(".zip")
    packed.write_bytes(b"".join(bundle()))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def test_log_rewritten_and_signed_with_a_foreign_key_is_detected_though_the_real_key_is_listed(
    settings: Settings, tmp_path: Path
) -> None:
    genuine = own_key(settings)
    put_in_another_key(settings)
    write(3)
    sign_checkpoint(SIGNER)
    proof = unpacked(tmp_path / "forged")
    assert len((proof / "public_keys.txt").read_text().split()) == 2
    code, output = verifier(proof, "--key", genuine)
    assert (code, output[0]) == (2, "key_unknown: The checkpoint at event 3 was signed with another key.")
    assert any(own_key(settings) in line for line in output)
    code, output = verifier(proof)
    assert code == 0
    assert any(f"The last signature is by the key {own_key(settings)}" in line for line in output)
    assert not any(genuine in line for line in output)


def test_new_key_covers_what_the_previous_key_signed(settings: Settings, tmp_path: Path) -> None:
    old = own_key(settings)
    write(3)
    sign_checkpoint(SIGNER)
    put_in_another_key(settings)
    write(3)
    sign_checkpoint(SIGNER)
    proof = unpacked(tmp_path / "proof")
    assert verifier(proof, "--key", own_key(settings))[0] == 0
    assert verifier(proof, "--key", old)[0] == 2


def test_key_can_be_named_as_a_whole(settings: Settings, tmp_path: Path) -> None:
    write(3)
    sign_checkpoint(SIGNER)
    proof = unpacked(tmp_path / "proof")
    own = public_key(settings)
    assert verifier(proof, "--key", own)[0] == 0
    put_in_another_key(settings)
    code, output = verifier(proof, "--key", public_key(settings))
    assert (code, output[0].split(":")[0]) == (2, "key_unknown")
    assert verifier(proof, "--key", own[:16])[0] == 2  # a part of the key names no key


@pytest.mark.parametrize("events", [0, 3])
def test_log_without_a_signature_is_not_unchanged_if_a_key_is_given(
    settings: Settings, tmp_path: Path, events: int
) -> None:
    write(events)
    code, output = verifier(unpacked(tmp_path / "proof"), "--key", own_key(settings))
    assert (code, output[0].split(":")[0]) == (1, "unsigned")


def test_empty_key_argument_is_no_key(settings: Settings, tmp_path: Path) -> None:
    write(3)
    sign_checkpoint(SIGNER)
    assert verifier(unpacked(tmp_path / "proof"), "--key", "")[0] == 2


# --- Coverage of the signatures ---------------------------------------------------------------------
def rewritten_behind(proof: Path, covered: int) -> None:
    """Keep checkpoints up to the one over event ``kept``, and replace all later events consistently."""
    lines = (proof / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)
    [place] = [place for place, line in enumerate(lines) if json.loads(line)["seq"] == covered]
    events = [json.loads(line) for line in (proof / "events.jsonl").read_bytes().splitlines()]
    link, story = GENESIS, b""
    remaining = [one for one in events if one["seq"] <= covered or one["action"] != "audit.checkpoint_signed"]
    for seq, event in enumerate(remaining, start=1):
        event |= {"seq": seq, "previous_hash": link, "person": event["person"] if seq <= covered else "other"}
        made = parse_event(write_json(event))
        assert made is not None
        event["hash"] = link = made["made"]
        story += write_json(event) + b"\n"
    files = {"checkpoints.jsonl": b"".join(lines[: place + 1]), "events.jsonl": story}
    manifest = json.loads((proof / "manifest.json").read_bytes())
    for name, content in files.items():
        (proof / name).write_bytes(content)
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
    manifest["head"] = manifest["head_afterwards"] = {"seq": len(remaining), "hash": link}
    (proof / "manifest.json").write_text(json.dumps(manifest))


def test_output_names_the_last_signed_event_and_the_time_of_signatures(tmp_path: Path) -> None:
    for _ in range(2):
        write(5)
        sign_checkpoint(SIGNER)
    write(3)
    signed = {one.seq: one.time for _, one in checkpoints.read(portal.AUDIT_CHECKPOINT_FILE)}
    assert [*signed] == [5, 11]
    at = {seq: dt.datetime.fromtimestamp(time // 1_000_000, dt.UTC) for seq, time in signed.items()}
    proof = unpacked(tmp_path / "proof")
    code, output = verifier(proof)
    assert code == 0
    assert output[1] == (
        f"Events 1 to 15. The last signature covers event 11 and was made at {at[11]:%Y-%m-%d %H:%M:%S} UTC."
        " 4 events after it are unsigned."
    )
    rewritten_behind(proof, 5)
    code, output = verifier(proof)
    assert output[:2] == [
        "unchanged: The audit log is unchanged.",  # nothing inside the proof can reveal it
        f"Events 1 to 13. The last signature covers event 5 and was made at {at[5]:%Y-%m-%d %H:%M:%S} UTC."
        " 8 events after it are unsigned.",
    ]


def test_output_without_a_signature_reports_that_nothing_is_covered(tmp_path: Path) -> None:
    write(2)
    _code, output = verifier(unpacked(tmp_path / "proof"))
    assert output[1] == "Events 1 to 2. No signature covers them."


def test_output_about_a_missing_end_names_the_last_checkpoint_that_has_its_event(tmp_path: Path) -> None:
    for _ in range(2):
        write(3)
        sign_checkpoint(SIGNER)
    put([*stored().values()][:5])
    move_head()
    code, output = verifier(unpacked(tmp_path / "cut"))
    assert (code, output[0]) == (
        2,
        "tail_cut: The end of the log is missing. The last checkpoint that still has its event is at event 3;"
        " some or all events after it are missing. The log ended at event 5 when the proof was made.",
    )
    assert output[1].startswith("Events 1 to 5. The last signature covers event 7 ")


@pytest.mark.parametrize(
    ("left", "ended"), [(2, " The log ended at event 2 when the proof was made."), (0, "")]
)
def test_output_about_a_missing_end_names_the_last_event_without_a_checkpoint(
    tmp_path: Path, left: int, ended: str
) -> None:
    write(3)
    sign_checkpoint(SIGNER)
    put([*stored().values()][:left])
    _code, output = verifier(unpacked(tmp_path / "cut"))
    assert output[0] == f"tail_cut: The end of the log is missing.{ended}"


def test_changed_event_is_reported_soon_however_far_another_was_moved(tmp_path: Path) -> None:
    write(6)
    rows = stored()
    rows[3]["actor_name"] = "Bob"
    rows[5]["seq"] = 10**15
    put([*rows.values()])
    code, output = verifier(unpacked(tmp_path / "far"))
    assert (code, output[0]) == (2, "changed: Event 3 was changed.")
