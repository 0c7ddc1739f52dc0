"""Rows that somebody with the database, but without the MAC keys, wrote past the portal are never signed."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as settings_of_portal
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from apps.audit.chain import Row, canonical_json, row_hash
from apps.audit.integrity import checkpoints, signing, stored_rows, verification
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.past_verifications import result_of, standing_problem
from apps.audit.integrity.proof.bundle import VERIFIER, bundle
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.valid_macs import acknowledged_rows
from apps.audit.integrity.verification import GOOD, record_result, verify
from apps.audit.macs import MAC_COLUMNS, MacKeys, mac_keys
from apps.audit.models import AuditEvent
from apps.audit.presenters.integrity import verdict_sentence
from apps.audit.recording import record
from consumerportal import status
from tests.support.audit_flush import lift_triggers
from tests.support.audit_logs import (
    SIGNER,
    found,
    found_by_portal,
    found_in_proof,
    move_head,
    put,
    rechained,
    stored,
    write,
)
from tests.support.entries import text

pytestmark = pytest.mark.django_db(transaction=True)

PAST = "written_past_portal"
OTHER_KEY = base64.b64encode(bytes(range(32))).decode()


def forge_next_event(*, action: str = "submission.viewed", data: str = "{}", **changes: Any) -> int:
    """Append a correctly chained copy of the last event, and move the head to it. Lifts no trigger.

    This needs only the rights of the portal's own database role: SELECT and INSERT, UPDATE of the head.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_event ORDER BY seq DESC LIMIT 1")
        names = [column[0] for column in cursor.description]
        last = dict(zip(names, cursor.fetchone(), strict=True))
        forged = {**last, "seq": last["seq"] + 1, "previous_hash": last["hash"]}
        forged |= {"actor_name": "Eve", "action": action, "data": data}
        own_hash = row_hash(Row(**{name: forged[name] for name in Row._fields}))
        forged |= {"hash": own_hash, **changes}
        marks = ", ".join(["%s"] * len(names))
        cursor.execute(
            f"INSERT INTO audit_event ({', '.join(names)}) VALUES ({marks})", [forged[name] for name in names]
        )
        cursor.execute("UPDATE audit_head SET seq = %s, hash = %s", [forged["seq"], own_hash])
        return int(forged["seq"])


def change_row(seq: int, **changes: str) -> None:
    """Change columns of a row, as an attacker who owns the table could."""
    assignments = ", ".join(f"{name} = %s" for name in changes)
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {assignments} WHERE seq = %s", [*changes.values(), seq])


def assert_not_signed(settings: Settings) -> None:
    before = settings.AUDIT_CHECKPOINT_FILE.read_bytes()
    with pytest.raises(NotSignedError):
        sign_checkpoint(SIGNER)
    assert settings.AUDIT_CHECKPOINT_FILE.read_bytes() == before


@pytest.fixture
def signed() -> int:
    """Two events, a signature over them, and its event; returns the number of rows."""
    write(2)
    sign_checkpoint(SIGNER)
    return 3


# --- Events written past the portal ---------------------------------------------------------------
@pytest.mark.parametrize("portal_continues", [False, True])
def test_event_written_past_the_portal_is_named_and_not_signed(
    signed: int, settings: Settings, portal_continues: bool
) -> None:
    forged = forge_next_event()
    if portal_continues:
        write(2)
    assert found_by_portal() == (PAST, forged)
    assert verify(from_checkpoint=True).verdict is Verdict.WRITTEN_PAST_PORTAL
    assert verify().last == forged - 1
    assert found_in_proof() == ("unchanged", None)  # outsiders have no keys
    assert_not_signed(settings)


def test_first_event_of_a_log_without_checkpoints_is_verified_too(settings: Settings) -> None:
    write(1)
    change_row(1, mac="0" * 64)
    assert found_by_portal() == (PAST, 1)
    with pytest.raises(NotSignedError):
        sign_checkpoint(SIGNER)
    assert not settings.AUDIT_CHECKPOINT_FILE.exists()


def test_lost_checkpoint_file_does_not_let_a_forged_event_be_signed(signed: int, settings: Settings) -> None:
    forged = forge_next_event()
    settings.AUDIT_CHECKPOINT_FILE.unlink()
    assert found_by_portal() == (PAST, forged)
    with pytest.raises(NotSignedError):
        sign_checkpoint(SIGNER)


@pytest.mark.parametrize(
    ("mac_key", "mac"),
    [
        (None, ""),
        ("", ""),
        ("no key", "0" * 64),
        (None, "0" * 64),
        (None, ","),
        (None, "é" * 64),
    ],
)
def test_event_with_an_invented_mac_is_not_signed(
    signed: int, settings: Settings, mac_key: str | None, mac: str
) -> None:
    key = mac_keys(settings.AUDIT_MAC_KEYS).first if mac_key is None else mac_key
    assert found_by_portal() == ("unchanged", None)
    forged = forge_next_event(mac_key=key, mac=mac)
    assert found_by_portal() == (PAST, forged)
    assert_not_signed(settings)


@pytest.mark.parametrize("stolen_from", [1, 2, 3])
def test_mac_of_another_row_is_not_valid(signed: int, settings: Settings, stolen_from: int) -> None:
    row = stored()[stolen_from]
    forged = forge_next_event(**{name: row[name] for name in MAC_COLUMNS})
    assert found_by_portal() == (PAST, forged)
    assert_not_signed(settings)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's columns have one type")
@pytest.mark.parametrize("column", MAC_COLUMNS)
def test_same_mac_as_bytes_is_an_alteration(signed: int, column: str) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {column} = CAST({column} AS BLOB) WHERE seq = 2")
    assert found_by_portal() == (PAST, 2)


# --- Altered MACs under an intact chain -----------------------------------------------------------
@pytest.mark.parametrize("seq", [1, 2, 3])
@pytest.mark.parametrize("change", [{"mac": "f" * 64}, {"mac": ""}, {"mac_key": ""}, {"mac_key": "x,y"}])
def test_altered_mac_is_found_by_the_verification_of_the_whole_log(
    signed: int, seq: int, change: dict[str, str]
) -> None:
    write(2)
    change_row(seq, **change)
    assert found_by_portal() == (PAST, seq)
    assert found_in_proof() == ("unchanged", None)
    rest = verify(from_checkpoint=True)
    assert (rest.verdict in GOOD) == (seq <= 2), "Only the rows after the checkpoint are verified"


def test_swapped_macs_are_found(signed: int) -> None:
    rows = stored()
    for name in MAC_COLUMNS:
        rows[1][name], rows[2][name] = rows[2][name], rows[1][name]
    put([*rows.values()])
    assert found_by_portal() == (PAST, 1)


def test_altered_content_is_reported_as_such_and_not_as_its_mac(signed: int) -> None:
    change_row(2, actor_name="Eve", mac="f" * 64)
    assert found() == ("changed", 2)


def test_first_of_two_alterations_is_reported(signed: int) -> None:
    forged = forge_next_event()
    write(1)
    change_row(forged + 1, actor_name="Bob")
    assert found_by_portal() == (PAST, forged)
    assert found_in_proof() == ("changed", forged + 1)


# --- Keys -----------------------------------------------------------------------------------------
def test_new_key_succeeds_the_former_one(signed: int, settings: Settings) -> None:
    former = list(settings.AUDIT_MAC_KEYS)
    settings.AUDIT_MAC_KEYS = [*former, OTHER_KEY]
    write(1)
    settings.AUDIT_MAC_KEYS = [OTHER_KEY, *former]
    write(2)
    settings.AUDIT_MAC_KEYS = [*former, OTHER_KEY]  # another machine, not restarted yet
    write(1)
    used = [row["mac_key"] for row in stored().values()]
    old, new = MacKeys(former).first, MacKeys([OTHER_KEY]).first
    assert used == [old] * 4 + [new] * 2 + [old]
    settings.AUDIT_MAC_KEYS = [OTHER_KEY, *former]
    assert found() == ("unchanged", None)
    assert sign_checkpoint(SIGNER) is not None


def test_removed_former_key_is_told_apart_and_nothing_is_signed_with_it(
    signed: int, settings: Settings
) -> None:
    write(1)
    settings.AUDIT_MAC_KEYS = [OTHER_KEY]
    write(1)
    assert found_by_portal() == ("mac_key_unknown", 1)
    rest = verify(from_checkpoint=True)
    assert (rest.verdict, rest.seq) == (Verdict.MAC_KEY_UNKNOWN, 3)
    assert_not_signed(settings)


def test_event_under_a_key_of_somebody_else_is_not_signed(signed: int, settings: Settings) -> None:
    last = stored()[signed]
    stranger = MacKeys([OTHER_KEY])
    forged = forge_next_event(mac_key=stranger.first)
    own_hash = stored()[forged]["hash"]
    change_row(forged, mac=stranger.values_for(own_hash)[1])
    assert found_by_portal() == ("mac_key_unknown", forged)
    assert_not_signed(settings)
    change_row(forged, mac_key=last["mac_key"])
    assert found_by_portal() == (PAST, forged)
    assert_not_signed(settings)


def test_former_key_verifies_only_what_a_checkpoint_covers(signed: int, settings: Settings) -> None:
    """A former key that leaked: whoever has it can forge nothing more."""
    leaked = list(settings.AUDIT_MAC_KEYS)
    sign_checkpoint(SIGNER)  # its own event is not covered by the first one
    settings.AUDIT_MAC_KEYS = [OTHER_KEY, *leaked]
    write(1)
    sign_checkpoint(SIGNER)
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], leaked
    assert found() == ("unchanged", None)
    write(1)
    forged = forge_with(leaked)
    assert found_by_portal() == (PAST, forged)
    assert found_in_batches_of(2, whole=False) == (PAST, forged)
    assert_not_signed(settings)


def test_key_that_became_former_too_early_is_reported_until_it_is_present_again(
    signed: int, settings: Settings
) -> None:
    old = list(settings.AUDIT_MAC_KEYS)
    write(1)  # by a machine that still writes with it
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], old
    assert found_by_portal() == (PAST, signed)
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY, *old], []
    assert sign_checkpoint(SIGNER) is not None
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], old
    assert found() == ("unchanged", None)


def test_former_key_verifies_no_result_of_a_verification_after_the_last_checkpoint(
    signed: int, settings: Settings
) -> None:
    """Otherwise a forged result would hide what the portal found."""
    leaked = list(settings.AUDIT_MAC_KEYS)
    record_result(SIGNER, verify())
    genuine = forge_with(leaked, action="audit.verified", data=last_data())
    event = AuditEvent.objects.get(seq=genuine)
    assert result_of(event) is not None
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], leaked
    assert result_of(event) is None
    assert standing_problem() == event


def test_new_machine_takes_over_rows_under_former_keys_from_a_copy(
    signed: int, settings: Settings, tmp_path: Path
) -> None:
    leaked = list(settings.AUDIT_MAC_KEYS)
    sign_checkpoint(SIGNER)
    copy = settings.AUDIT_CHECKPOINT_FILE
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY, *leaked], []
    sign_checkpoint(SIGNER)
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], leaked
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "new.jsonl"
    assert found_by_portal() == (PAST, 1)
    call_command("audit_begin", str(copy), stdout=io.StringIO())
    assert found_by_portal() == ("unchanged", None)


# --- Acknowledged events ----------------------------------------------------------------------------
def acknowledge(*events: str) -> str:
    out = io.StringIO()
    call_command("audit_acknowledge", *events, "--report", "INC-2041", stdout=out)
    return out.getvalue()


def test_signing_continues_after_an_acknowledgement_and_the_events_stay_named(
    as_administrator: Client, signed: int, settings: Settings
) -> None:
    forged = forge_next_event()
    write(1)
    other = forge_next_event(mac_key="0" * 16)
    write(1)
    assert_not_signed(settings)
    named = f"{forged}, {other}"
    assert "Recorded as event" in acknowledge(str(forged), str(other))
    [event] = AuditEvent.objects.filter(action="audit.acknowledged")
    assert event.details == {"events": [str(forged), str(other)], "report": "INC-2041"}
    for _again in range(2):
        write(1)
        assert sign_checkpoint(SIGNER) is not None
        assert found() == ("unchanged", None)
        for result in (verify(), verify(from_checkpoint=True)):
            assert result.acknowledged == (forged, other)
            assert f"Written past the portal, and acknowledged: {named}." in verdict_sentence(result)
    assert f"Event {event.seq} records that the portal did not write these events: {named}." in proof_output()
    record_result(SIGNER, verify())
    assert standing_problem() is None
    assert f"acknowledged: {named}." in text(as_administrator.get("/audit/integrity/"))
    [line] = [line for line in status.lines() if line.name == "audit_log"]
    assert (line.level, named in line.text) == (status.Level.OK, True)


@pytest.mark.parametrize("claimed", [1, 2, 10**9, "none"])
def test_forged_claim_of_a_signature_counts_for_nothing_once_acknowledged(
    signed: int, settings: Settings, claimed: object
) -> None:
    """Otherwise the log would count as damaged for ever."""
    file = checkpoints.file_id(settings.AUDIT_CHECKPOINT_FILE)
    data = canonical_json({"file": file, "last": claimed})
    forged = forge_next_event(action="audit.checkpoint_signed", data=data)
    write(1)
    acknowledge(str(forged))
    assert verify().verdict is Verdict.UNCHANGED
    assert found_in_proof()[0] == "checkpoints_damaged"  # no signature covers the acknowledgement yet
    for _again in range(2):
        write(1)
        assert sign_checkpoint(SIGNER) is not None
        assert found() == ("unchanged", None)
        assert verify(from_checkpoint=True).verdict is Verdict.UNCHANGED


def test_forged_claim_of_the_next_checkpoint_does_not_discredit_the_genuine_one(
    signed: int, settings: Settings
) -> None:
    """Forged between a signature and its event."""
    write(1)
    file = checkpoints.file_id(settings.AUDIT_CHECKPOINT_FILE)
    record_signed = record

    def forge_first(event: Any) -> int:
        data = canonical_json({"file": file, "last": signed + 1})
        forge_next_event(action="audit.checkpoint_signed", data=data)
        return record_signed(event)

    with mock.patch.object(signing, "record", forge_first):
        sign_checkpoint(SIGNER)
    acknowledge(str(signed + 2))
    sign_checkpoint(SIGNER)
    assert found() == ("unchanged", None)


def test_acknowledged_range_is_verified_in_batches(signed: int) -> None:
    forged = [forge_next_event() for _ in range(3)]
    write(4)
    acknowledge(f"{forged[0]}-{forged[-1]}")
    for size in (1, 2, 3, 5):
        for whole in (True, False):
            assert found_in_batches_of(size, whole=whole) == ("unchanged", None)
    later = forge_next_event()
    assert found_in_batches_of(2, whole=True) == (PAST, later)


def test_acknowledged_event_among_events_under_a_former_key(signed: int, settings: Settings) -> None:
    former = list(settings.AUDIT_MAC_KEYS)
    forged = forge_next_event()
    write(2)
    acknowledge(str(forged))
    settings.AUDIT_MAC_KEYS = [OTHER_KEY, *former]
    sign_checkpoint(SIGNER)
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [OTHER_KEY], former
    write(2)
    for size in (1, 3, 100):
        assert found_in_batches_of(size, whole=True) == ("unchanged", None)
    assert verify().acknowledged == (forged,)


def test_only_what_has_no_valid_mac_can_be_acknowledged_and_all_of_it_must_be(
    signed: int, settings: Settings
) -> None:
    forged = forge_next_event()
    write(1)
    second = forge_next_event()
    before = len(stored())
    refusals = {
        ("1",): "Event 1 has a valid MAC",
        (f"{forged}-{second}",): f"Event {forged + 1} has a valid MAC",
        (str(forged),): f"Event {second} was written past the portal",
        (str(second + 1),): f"There is no event {second + 1}",
        ("9999999999999999",): "There is no event",
        ("0",): "There is no event 0",
        ("7-5",): "7-5 is not the number of an event",
        ("-x",): "is not the number",
    }
    for events, message in refusals.items():
        with pytest.raises(CommandError, match=message):
            call_command("audit_acknowledge", "--report", "INC-2041", "--", *events)
    with pytest.raises(CommandError, match="must be one word"):
        call_command("audit_acknowledge", str(forged), str(second), "--report", "Eve did it")
    assert len(stored()) == before
    assert_not_signed(settings)


def test_acknowledgement_without_a_valid_mac_counts_for_nothing(signed: int, settings: Settings) -> None:
    forged = forge_next_event()
    data = canonical_json({"events": [f"{forged}-{forged + 1}"], "report": "INC-1"})
    forge_next_event(action="audit.acknowledged", data=data)
    assert found_by_portal() == (PAST, forged)
    assert acknowledged_rows() == frozenset()
    assert_not_signed(settings)


def test_acknowledgement_covers_no_later_event(signed: int, settings: Settings) -> None:
    """Only what the hash of the acknowledging event covers is known to be what was acknowledged."""
    data = canonical_json({"events": [f"{signed + 1}-{signed + 2}"], "report": "INC-1"})
    own = forge_with(settings.AUDIT_MAC_KEYS, action="audit.acknowledged", data=data)
    later = forge_next_event()
    assert (own, later) == (signed + 1, signed + 2)
    assert found_by_portal() == (PAST, later)


def test_acknowledged_event_cannot_be_changed_afterwards(signed: int) -> None:
    forged = forge_next_event()
    write(1)
    acknowledge(str(forged))
    rows = stored()
    changed = rechained(
        [{**row, "actor_name": "Bob"} if row["seq"] == forged else row for row in rows.values()],
        with_keys=False,
    )
    put(changed)
    move_head()
    assert found_by_portal() == (PAST, forged)  # the hash of the acknowledging event is another, too
    assert acknowledged_rows() == frozenset()


# --- What the tests share ---------------------------------------------------------------------------
def forge_with(keys: list[str], **facts: str) -> int:
    """Append an event that was written past the portal, with a MAC under the first of these keys."""
    forged = forge_next_event(**facts)
    mac_key, mac = MacKeys(keys).values_for(stored()[forged]["hash"])
    change_row(forged, mac_key=mac_key, mac=mac)
    return forged


def found_in_batches_of(size: int, *, whole: bool) -> tuple[str, int | None]:
    """The verdict if the rows are read ahead in batches of that many."""
    with (
        mock.patch.object(verification, "READ_AHEAD_FROM", 1),
        mock.patch.object(stored_rows, "AHEAD", size),
        mock.patch.object(stored_rows, "BATCH", size),
    ):
        result = verify(from_checkpoint=not whole)
    return result.verdict.value, result.seq


def last_data() -> str:
    return str(AuditEvent.objects.order_by("-seq")[0].data)


def proof_output() -> str:
    """What the program for outsiders prints."""
    proof = settings_of_portal.AUDIT_CHECKPOINT_FILE.with_name("proof.zip")
    proof.write_bytes(b"".join(bundle()))
    run = subprocess.run([sys.executable, VERIFIER, proof], capture_output=True, text=True, check=True)
    return run.stdout
