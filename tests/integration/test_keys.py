"""Machines with different keys on one database: a machine with a foreign key does not work."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.audit.integrity import checkpoints
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.key_fingerprint import AUDIT_SIGNING
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.models import KeyFingerprint
from consumerportal.announcement import record_start
from consumerportal.keys import KeysNotAcceptedError, accept_keys, register_keys
from consumerportal.management.commands import worker
from tests.support import prepared
from tests.support.keys import new_encryption_key
from tests.support.source import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = Actor.system("test")
OTHER = {
    "ENCRYPTION_KEYS": [new_encryption_key()],
    "DIGEST_KEYS": ["another digest key of this test alone 0123456789"],
    "AUDIT_SIGNING_KEY": base64.b64encode(bytes(range(32))).decode(),
    "AUDIT_MAC_KEYS": [base64.b64encode(bytes(range(32, 64))).decode()],
}
LISTS = ("ENCRYPTION_KEYS", "DIGEST_KEYS", "AUDIT_MAC_KEYS")
"""The settings that contain several keys: the database says which writes, all read."""
# The first step of each command that writes, with arguments that reach it.
WRITING_COMMANDS = [
    ["create_administrator", "--user-name", "x", "--name", "X"],
    ["create_practice_people"],
    ["changepassword", "x"],
    ["prepare_practice"],
    ["audit_begin", "no-such-file"],
    ["audit_acknowledge", "1", "--report=INC-1"],
    ["audit_checkpoint"],
    ["audit_export", "--after", "0"],
    ["audit_retain", "--up-to", "1"],
    ["complete_access_index"],
    ["worker"],
    ["rotate_keys", "--use", "digest:0"],
    ["rotate_keys", "--retire", "digest:0"],
]
# The first three help to find the problem, and record nothing with other keys. `rotate_keys --add` accepts
# keys, and `createsuperuser` always refuses.
NOT_STOPPED = {
    *("audit_proof", "audit_verify", "status", "rotate_keys", "createsuperuser"),
    *("check_totals", "send_test_notice"),  # neither reads nor writes anything that needs a key
}


@pytest.fixture(autouse=True)
def _registered() -> None:
    accept_keys(ACTOR)


@pytest.fixture(params=OTHER)
def foreign(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The name of a setting that contains another machine's key."""
    name = str(request.param)
    setattr(settings, name, OTHER[name])
    return name


def changes() -> list[tuple[str, list[str]]]:
    """The events about keys, oldest first: action, keys."""
    recorded = AuditEvent.objects.filter(action__startswith="keys.").order_by("seq")
    return [(event.action, event.details["keys"]) for event in recorded]


def _public_key(signing_key: str) -> str:
    key = checkpoints.signing_key(signing_key).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


# --- The first start ------------------------------------------------------------------------------
def test_first_start_registers_each_key_once_with_one_event_and_stores_no_key(
    settings: Settings,
) -> None:
    KeyFingerprint.objects.all().delete()
    settings.ENCRYPTION_KEYS = [OTHER["ENCRYPTION_KEYS"][0], *settings.ENCRYPTION_KEYS]
    before = len(changes())
    record_start()
    record_start()
    rows = list(KeyFingerprint.objects.values_list("kind", "fingerprint"))
    assert sorted(kind for kind, _ in rows) == [
        "audit_mac",
        "audit_signing",
        "digest",
        "encryption",
        "encryption",
    ]
    [(action, named)] = changes()[before:]
    assert action == "keys.registered"
    assert sorted(named) == sorted(f"{kind}:{fingerprint[:16]}" for kind, fingerprint in rows)
    stored = " ".join(fingerprint for _, fingerprint in rows)
    for secret in (
        *settings.ENCRYPTION_KEYS,
        *settings.DIGEST_KEYS,
        settings.AUDIT_SIGNING_KEY,
        *settings.AUDIT_MAC_KEYS,
    ):
        assert secret not in stored


def test_fingerprint_of_a_signing_key_begins_with_its_id(settings: Settings) -> None:
    key_id = checkpoints.key_id(checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key())
    assert KeyFingerprint.objects.get(kind="audit_signing").fingerprint.startswith(key_id)


def test_concurrent_first_start_does_not_register_a_second_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines start on an empty set at the same time: the second reads it before the first commits."""
    settings.DIGEST_KEYS = OTHER["DIGEST_KEYS"]
    read, calls = key_fingerprints.registered_fingerprints, []

    def empty_at_first() -> dict[str, set[str]]:
        calls.append(1)
        found = read()
        return {name: set() for name in found} if len(calls) == 1 else found

    monkeypatch.setattr(key_fingerprints, "registered_fingerprints", empty_at_first)
    with pytest.raises(KeysNotAcceptedError, match="DIGEST_KEYS"):
        accept_keys(ACTOR)
    assert KeyFingerprint.objects.filter(kind="digest").count() == 1


# --- Another machine's key ------------------------------------------------------------------------
def test_foreign_key_stops_the_web_server_with_one_message_without_values(
    foreign: str, settings: Settings
) -> None:
    starts = AuditEvent.objects.filter(action="portal.started").count()
    with pytest.raises(ImproperlyConfigured) as stopped:
        record_start()
    message = str(stopped.value)
    assert message.count("  - ") == 1
    assert f"  - {foreign}" in message
    value = OTHER[foreign]
    assert (value if isinstance(value, str) else value[0]) not in message
    assert AuditEvent.objects.filter(action="portal.started").count() == starts


@pytest.mark.parametrize("command", WRITING_COMMANDS, ids=" ".join)
def test_foreign_key_stops_every_command_that_writes(command: list[str], settings: Settings) -> None:
    settings.DIGEST_KEYS = OTHER["DIGEST_KEYS"]
    events = AuditEvent.objects.count()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(CommandError, match="DIGEST_KEYS"):
            call_command(*command)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert AuditEvent.objects.count() == events


def test_verification_and_proof_with_a_foreign_key_are_made_and_not_recorded(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An event under a foreign MAC key would make the log count as altered on every other machine."""
    own = settings.AUDIT_MAC_KEYS
    settings.AUDIT_MAC_KEYS = OTHER["AUDIT_MAC_KEYS"]
    events = AuditEvent.objects.count()
    for command in (["audit_verify"], ["audit_proof", str(tmp_path / "proof.zip")]):
        with pytest.raises(SystemExit, match="2"):
            call_command(*command)
    output = capsys.readouterr()
    assert "mac_key_unknown: Event 1 has a MAC under a key that this process does not know" in output.out
    assert "The verification was not recorded. These keys do not belong to this database" in output.err
    assert "not recorded, because the log accepts no events of this process" in output.out
    assert AuditEvent.objects.count() == events
    settings.AUDIT_MAC_KEYS = own
    assert verify().verdict is Verdict.UNSIGNED


def test_every_command_is_stopped_or_exempted_by_name() -> None:
    ours = {
        path.stem
        for folder in ("apps", "consumerportal")
        for path in (ROOT / folder).rglob("management/commands/[a-z]*.py")
    }
    assert ours == {command[0] for command in WRITING_COMMANDS} | NOT_STOPPED


def test_foreign_key_fails_readiness_and_the_log_names_the_setting(
    foreign: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"not ready")
    assert foreign in caplog.text


def test_right_keys_are_ready(client: Client) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_machine_without_a_key_of_the_database_does_not_start(name: str, settings: Settings) -> None:
    old = getattr(settings, name)
    setattr(settings, name, [*old, *OTHER[name]])
    register_keys(ACTOR)
    setattr(settings, name, old)
    with pytest.raises(KeysNotAcceptedError, match=rf"- {name}(, \w+)?: a key is missing"):
        accept_keys(ACTOR)


# --- Accepting keys deliberately --------------------------------------------------------------------
def test_new_encryption_key_is_registered_deliberately(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ENCRYPTION_KEYS = [*OTHER["ENCRYPTION_KEYS"], *settings.ENCRYPTION_KEYS]
    accept_keys(ACTOR)
    assert KeyFingerprint.objects.filter(kind="encryption").count() == 1
    call_command("rotate_keys", "--add")
    accept_keys(ACTOR)
    new = key_fingerprints.ENCRYPTION.fingerprints()[0]
    assert changes()[-1] == ("keys.registered", [f"encryption:{new[:16]}"])
    assert f"Accepted: encryption:{new[:16]}" in capsys.readouterr().out
    events = AuditEvent.objects.count()
    call_command("rotate_keys", "--add")
    assert "These keys are already registered" in capsys.readouterr().out
    assert AuditEvent.objects.count() == events


def test_new_signing_key_is_accepted_beside_the_former_public_key(settings: Settings) -> None:
    former = _public_key(settings.AUDIT_SIGNING_KEY)
    settings.AUDIT_SIGNING_KEY = OTHER["AUDIT_SIGNING_KEY"]
    with pytest.raises(CommandError, match="AUDIT_FORMER_PUBLIC_KEYS: a key is missing"):
        call_command("rotate_keys", "--add")
    settings.AUDIT_FORMER_PUBLIC_KEYS = [former]
    call_command("rotate_keys", "--add")
    accept_keys(ACTOR)


@pytest.mark.parametrize("first_start", [False, True])
def test_signing_key_may_also_be_among_the_former_public_keys(first_start: bool, settings: Settings) -> None:
    """As while machines change to it and afterwards. A restored backup may not know the key."""
    former = _public_key(settings.AUDIT_SIGNING_KEY)
    settings.AUDIT_SIGNING_KEY = OTHER["AUDIT_SIGNING_KEY"]
    settings.AUDIT_FORMER_PUBLIC_KEYS = [former, _public_key(settings.AUDIT_SIGNING_KEY)]
    if first_start:
        KeyFingerprint.objects.filter(kind="audit_signing").delete()
    else:
        call_command("rotate_keys", "--add")
    accept_keys(ACTOR)
    stored = KeyFingerprint.objects.filter(kind="audit_signing").values_list("fingerprint", flat=True)
    assert sorted(stored) == sorted(AUDIT_SIGNING.fingerprints())


def test_another_digest_key_instead_of_the_registered_one_is_not_accepted(settings: Settings) -> None:
    settings.DIGEST_KEYS = OTHER["DIGEST_KEYS"]
    before = set(KeyFingerprint.objects.values_list("fingerprint", flat=True))
    with pytest.raises(CommandError, match="DIGEST_KEYS: a key is missing"):
        call_command("rotate_keys", "--add")
    assert set(KeyFingerprint.objects.values_list("fingerprint", flat=True)) == before


def test_lost_key_can_be_given_up_deliberately_and_that_is_recorded(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old = key_fingerprints.DIGEST.fingerprints()[0]
    settings.DIGEST_KEYS = OTHER["DIGEST_KEYS"]
    call_command("rotate_keys", add=True, forget_missing=True)
    accept_keys(ACTOR)
    new = key_fingerprints.DIGEST.fingerprints()[0]
    assert changes()[-3:] == [
        ("keys.forgotten", [f"digest:{old[:16]}"]),
        ("keys.registered", [f"digest:{new[:16]}"]),
        ("keys.put_to_use", [f"digest:{new[:16]}"]),
    ]
    assert AuditEvent.objects.latest("seq").details["former"] == [f"digest:{old[:16]}"]
    assert f"In use: digest:{new[:16]}. A worker writes the rows again" in capsys.readouterr().out


def test_registered_key_that_replaces_a_lost_one_in_use_is_recorded(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ENCRYPTION_KEYS = [*settings.ENCRYPTION_KEYS, *OTHER["ENCRYPTION_KEYS"]]
    register_keys(ACTOR)
    lost, kept = (f"encryption:{one[:16]}" for one in key_fingerprints.ENCRYPTION.fingerprints())
    settings.ENCRYPTION_KEYS = OTHER["ENCRYPTION_KEYS"]
    call_command("rotate_keys", add=True, forget_missing=True)
    assert changes()[-2:] == [("keys.forgotten", [lost]), ("keys.put_to_use", [kept])]
    assert f"In use: {kept}." in capsys.readouterr().out


def test_lost_key_that_was_not_in_use_leaves_the_key_in_use(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    own = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [*own, *OTHER["ENCRYPTION_KEYS"]]
    register_keys(ACTOR)
    settings.ENCRYPTION_KEYS = own
    call_command("rotate_keys", add=True, forget_missing=True)
    assert changes()[-1][0] == "keys.forgotten"
    assert "In use" not in capsys.readouterr().out


# --- A database that does not answer is not a wrong key ---------------------------------------------
def test_worker_waits_for_the_database_before_comparing_keys(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = iter([True, True, False])

    def accept(actor: Actor) -> None:
        if next(away):
            raise OperationalError

    monkeypatch.setattr(worker, "ROUND_INTERVAL", 0.01)
    monkeypatch.setattr(worker, "accept_keys", accept)
    assert worker.keys_are_accepted(threading.Event())
    assert caplog.text.count("worker_waits_for_the_database") == 2


def test_command_reports_a_lost_database_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> list[str]:
        raise OperationalError

    monkeypatch.setattr(key_fingerprints, "problems", gone)
    key_fingerprints.require_accepted_keys()


@pytest.mark.once
def test_gunicorn_does_not_start_with_a_foreign_key(tmp_path: Path) -> None:
    """With a real gunicorn: exit code, only the message, no traceback."""
    environment = {
        **os.environ,
        "PORTAL_MODE": "practice",
        "DATABASE_URL": prepared.copy_file(tmp_path),
        "AUDIT_CHECKPOINT_FILE": str(tmp_path / "checkpoints.jsonl"),
        "SPOOL_DIR": str(tmp_path / "spool"),
        "STATIC_ROOT": str(tmp_path / "static"),
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        "PORTAL_BIND": "127.0.0.1:0",
    }

    def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert run("manage.py", "rotate_keys", "--add").returncode == 0
    started = run(
        "-m",
        "gunicorn",
        "--config",
        "gunicorn.conf.py",
        "consumerportal.wsgi",
        DIGEST_KEYS=OTHER["DIGEST_KEYS"][0],
    )
    assert started.returncode == 1
    assert started.stderr.count("DIGEST_KEYS") == 1
    assert "Traceback" not in started.stderr
