"""Rows that somebody with the database, but without the MAC keys, wrote past the portal are never signed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from apps.audit.chain import Row, row_hash
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.verification import GOOD, verify
from apps.audit.macs import MAC_COLUMNS, MacKeys, mac_keys
from tests.support.audit_flush import lift_triggers
from tests.support.audit_logs import SIGNER, found, found_by_portal, found_in_proof, put, stored, write

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
    key = mac_keys(settings.AUDIT_MAC_KEYS).writing if mac_key is None else mac_key
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
    old, new = MacKeys(former).writing, MacKeys([OTHER_KEY]).writing
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
    forged = forge_next_event(mac_key=stranger.writing)
    own_hash = stored()[forged]["hash"]
    change_row(forged, mac=stranger.values_for(own_hash)[1])
    assert found_by_portal() == ("mac_key_unknown", forged)
    assert_not_signed(settings)
    change_row(forged, mac_key=last["mac_key"])
    assert found_by_portal() == (PAST, forged)
    assert_not_signed(settings)
