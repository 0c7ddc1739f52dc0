"""Write a real audit log, read and change its rows, and run both verifiers on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.db import connection, transaction

from apps.audit.chain import Row, row_hash
from apps.audit.events import Event
from apps.audit.integrity import stored_rows, verification
from apps.audit.integrity.bulk_hashing import COLUMNS_AND_MAC
from apps.audit.integrity.proof.bundle import bundle
from apps.audit.integrity.proof.verify_audit_log import Archive, check
from apps.audit.integrity.verification import verify
from apps.audit.macs import MAC_COLUMNS, mac_keys
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core.actor import Actor
from tests.support.audit_flush import lift_triggers

SIGNER = Actor.system("tests")


def recorded(event: Event) -> int:
    """Record one event in a transaction of its own; returns its sequence number."""
    with transaction.atomic():
        return record(event)


def write(number: int) -> None:
    for turn in range(number):
        recorded(Event(SUBMISSION_VIEWED, Actor(id="17", name="Anna"), order_ref=f"ord-{turn}"))


def found() -> tuple[str, int | None]:
    """As :func:`found_by_portal`; asserts that the one-file verifier agrees about the proof."""
    reported = found_by_portal()
    assert found_in_proof() == reported
    return reported


def found_by_portal() -> tuple[str, int | None]:
    """The result of the portal's verification.

    Asserts that verification with other reading threads and batch sizes gives the same result.
    """
    result = verify()
    reported = result.verdict.value, result.seq
    for size in (1, 4, 100):
        with (
            mock.patch.object(verification, "READ_AHEAD_FROM", 0),
            mock.patch.object(stored_rows, "AHEAD", size),
        ):
            ahead = verify()
        assert (ahead.verdict.value, ahead.seq) == reported
    return reported


def found_in_proof() -> tuple[str, int | None]:
    proof = Path(settings.AUDIT_CHECKPOINT_FILE).with_name("proof.zip")
    proof.write_bytes(b"".join(bundle()))
    return check(Archive(proof))


def stored() -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(COLUMNS_AND_MAC)} FROM audit_event ORDER BY seq")
        return {row[0]: dict(zip(COLUMNS_AND_MAC, row, strict=True)) for row in cursor.fetchall()}


def put(rows: list[dict[str, Any]]) -> None:
    """Replace the rows of the log, as an attacker with every database right could."""
    with lift_triggers(connection), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event")
        marks = ", ".join(["%s"] * len(COLUMNS_AND_MAC))
        cursor.executemany(
            f"INSERT INTO audit_event ({', '.join(COLUMNS_AND_MAC)}) VALUES ({marks})",
            [tuple(row[name] for name in COLUMNS_AND_MAC) for row in rows],
        )


def move_head() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_head")
        cursor.execute(
            "INSERT INTO audit_head (id, seq, time, hash)"
            " SELECT 1, seq, time, hash FROM audit_event ORDER BY seq DESC LIMIT 1"
        )


def rechained(rows: list[dict[str, Any]], *, with_keys: bool = True) -> list[dict[str, Any]]:
    """The same rows as one valid chain, as an attacker who has the source could write it.

    ``with_keys``: with valid MACs, as only an attacker with the MAC keys could; otherwise the MACs stay.
    """
    previous, chain = "0" * 64, []
    for seq, row in enumerate(rows, start=1):
        fields = {**row, "seq": seq, "previous_hash": previous}
        chain.append(with_own_hash(fields, with_keys=with_keys))
        previous = chain[-1]["hash"]
    return chain


def with_own_hash(row: dict[str, Any], *, with_keys: bool = True) -> dict[str, Any]:
    """The row with the hash of its fields, and if ``with_keys`` with a valid MAC."""
    own_hash = row_hash(Row(**{name: row[name] for name in Row._fields}))
    macs = (
        zip(MAC_COLUMNS, mac_keys(settings.AUDIT_MAC_KEYS).values_for(own_hash), strict=True)
        if with_keys
        else ()
    )
    return {**row, "hash": own_hash, **dict(macs)}
