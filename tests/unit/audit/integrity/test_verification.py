"""Alterations of a real log with its triggers removed, and the findings of the verification."""

from __future__ import annotations

import base64
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from pytest_django import Settings

from apps.accounts.audit_events import ACCESS_DENIED
from apps.audit.events import Event
from apps.audit.integrity import checkpoints, stored_rows, verification
from apps.audit.integrity.bulk_hashing import COLUMNS, COLUMNS_AND_MAC
from apps.audit.integrity.checkpoints import Beginning
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.proof import verify_audit_log
from apps.audit.integrity.proof.verify_audit_log import is_valid_signature
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.audit.integrity.verification import Progress, Result, record_result, verify
from apps.audit.models import AuditEvent
from apps.audit.presenters.integrity import verdict_sentence
from apps.audit.recording import record
from apps.core.actor import Actor
from tests.support import audit_rows
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
    with_own_hash,
    write,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 12
C1, C2 = 5, 11  # covered by the two checkpoints; each is followed by the event of its signature


@pytest.fixture
def log() -> Path:
    """Twelve rows: five, a signature, five, a signature. The file of checkpoints."""
    write(5)
    sign_checkpoint(SIGNER)
    write(5)
    sign_checkpoint(SIGNER)
    path: Path = settings.AUDIT_CHECKPOINT_FILE
    assert [found.seq for _, found in checkpoints.read(path)] == [C1, C2]
    assert AuditEvent.objects.count() == EVENTS
    return path


def found_after_checkpoint() -> tuple[str, int | None]:
    result = verify(from_checkpoint=True)
    return result.verdict.value, result.seq


def test_untouched_log_is_unchanged_from_any_starting_point(log: Path) -> None:
    write(3)
    whole, rest = verify(), verify(from_checkpoint=True)
    assert (whole.verdict, whole.seq, whole.checkpoint) == (Verdict.UNCHANGED, None, C2)
    assert (whole.first, whole.last, whole.whole) == (1, EVENTS + 3, True)
    assert (rest.verdict, rest.first, rest.last, rest.whole) == (Verdict.UNCHANGED, C2 + 1, EVENTS + 3, False)


def test_empty_log_is_unchanged_and_a_missing_checkpoint_is_reported() -> None:
    assert found() == ("unchanged", None)
    write(1)
    assert found() == ("unsigned", None)


@pytest.mark.parametrize("batch", [1, 2, 5, 12, 13])
def test_batch_size_makes_no_difference(log: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "BATCH", batch)
    seen: list[Progress] = []
    result = verify(report=seen.append)
    assert (result.verdict, result.last, result.checkpoint) == (Verdict.UNCHANGED, EVENTS, C2)
    assert seen[-1].percent == 100
    rows = stored()
    put([{**row, "person": "x"} if seq == 8 else row for seq, row in rows.items()])
    assert found() == ("changed", 8)


OTHER: dict[str, Any] = {
    "format": 2,
    "time": 1,
    "action": "consumer.created",
    "failure": True,
    "actor_id": "18",
    "actor_name": "Bob",
    "actor_roles": "staff",
    "session": "s",
    "request_id": "r",
    "peer_address": "10.9.9.9",
    "client_address": "10.9.9.9",
    "submission": "",
    "order_ref": "ord-x",
    "consumer_ref": "c",
    "guest_ref": "g",
    "person": "p",
    "data": '{"purpose":"other"}',
    "previous_hash": "1" * 64,
    "hash": "2" * 64,
}


@pytest.mark.parametrize(
    ("seq", "fields"),
    [(7, [*OTHER]), *((seq, ["data", "previous_hash", "hash"]) for seq in (1, 2, C1, C2, EVENTS))],
)
def test_altered_field_of_any_row_is_reported(log: Path, seq: int, fields: list[str]) -> None:
    rows = stored()
    reported = {}
    for field in fields:
        put([*{**rows, seq: {**rows[seq], field: OTHER[field]}}.values()])
        reported[field] = found()
    assert reported == dict.fromkeys(fields, ("changed", seq))
    put([*rows.values()])
    assert found() == ("unchanged", None)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's booleans are two")
@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_boolean_other_than_0_and_1_is_an_alteration(log: Path, value: float) -> None:
    rows = stored()
    rows[2]["failure"] = value  # Django reads it as the False that was hashed
    put([*rows.values()])
    assert found() == ("changed", 2)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL stores nothing of the kind")
@pytest.mark.parametrize("value", ["CAST(x'ff41' AS TEXT)", "x'41'", "x'47416e6e61'", "9e999", "char(0)"])
def test_value_that_the_portal_never_stores_is_an_alteration(log: Path, value: str) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET actor_name = {value} WHERE seq = 4")
    assert found() == ("changed", 4)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's columns have one type")
@pytest.mark.parametrize(("column", "reported"), [("hash", 4), ("previous_hash", 4), ("actor_name", 4)])
def test_same_text_as_bytes_is_an_alteration(log: Path, column: str, reported: int) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {column} = CAST({column} AS BLOB) WHERE seq = 4")
    assert found() == ("changed", reported)


def test_alterations_cover_every_field() -> None:
    assert {*OTHER, "seq"} == {*COLUMNS}


@pytest.mark.parametrize("seq", [1, 3, C1, EVENTS])
@pytest.mark.parametrize("with_keys", [False, True])
def test_altered_row_with_a_matching_hash_is_reported(log: Path, seq: int, with_keys: bool) -> None:
    rows = stored()
    rows[seq] = with_own_hash({**rows[seq], "actor_name": "Bob"}, with_keys=with_keys)
    put([*rows.values()])
    if seq < EVENTS:
        assert found() == ("changed", seq)
    else:  # without the MAC, the head is the only contradiction
        assert found_by_portal() == ("head_differs" if with_keys else "written_past_portal", seq)
        assert found_in_proof() == ("head_differs", seq)


@pytest.mark.parametrize("seq", [1, 4, C1, C1 + 1, C2])
@pytest.mark.parametrize("close_up", [False, True], ids=["gap", "closed up"])
def test_deleted_row_is_missing(log: Path, seq: int, close_up: bool) -> None:
    rows = [row for row in stored().values() if row["seq"] != seq]
    if close_up:
        rows = [{**row, "seq": place} for place, row in enumerate(rows, start=1)]
    put(rows)
    assert found() == ("missing", seq)


@pytest.mark.parametrize("place", [1, 4, C1, C2, EVENTS, EVENTS + 1])
@pytest.mark.parametrize("linked", [False, True], ids=["plain", "linked"])
@pytest.mark.parametrize("with_keys", [False, True])
def test_inserted_row_is_reported(log: Path, place: int, linked: bool, with_keys: bool) -> None:
    rows = [*stored().values()]
    forged = {**rows[0], "seq": place, "actor_name": "Bob", "hash": "3" * 64}
    if linked:
        forged["previous_hash"] = rows[place - 2]["hash"] if place > 1 else "0" * 64
        forged = with_own_hash(forged, with_keys=with_keys)
    pushed = [{**row, "seq": row["seq"] + 1} for row in rows[place - 1 :]]
    put([*rows[: place - 1], forged, *pushed])
    past = linked and not with_keys and place > EVENTS  # the chain does not break after it
    assert found_by_portal() == ("written_past_portal" if past else "inserted", place)
    assert found_in_proof() == ("inserted", place)


def test_row_before_the_first_is_inserted(log: Path) -> None:
    rows = [*stored().values()]
    put([{**rows[3], "seq": 0, "hash": "4" * 64}, *rows])
    assert found() == ("inserted", 0)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 9), (C1, C1 + 1), (11, 12), (1, 12)])
def test_swapped_rows_are_reordered(log: Path, one: int, other: int) -> None:
    rows = stored()
    rows[one]["seq"], rows[other]["seq"] = other, one
    put([*rows.values()])
    assert found() == ("reordered", one)


def test_rows_shifted_from_the_first_on_are_reordered(log: Path) -> None:
    put([{**row, "seq": row["seq"] + 1} for row in stored().values()])
    assert found() == ("reordered", 1)


def test_row_moved_beyond_the_end_is_reordered(log: Path) -> None:
    rows = stored()
    rows[4]["seq"] = 40
    put([*rows.values()])
    assert found() == ("reordered", 4)


@pytest.mark.parametrize("far", [10**15, 2**63 - 1])
def test_altered_row_is_reported_soon_however_far_another_was_moved(log: Path, far: int) -> None:
    rows = stored()
    rows[4]["actor_name"] = "Bob"
    rows[9]["seq"] = far
    put([*rows.values()])
    assert found() == ("changed", 4)


@pytest.mark.parametrize(("left", "held"), [(11, 11), (10, 5), (5, 5), (4, None), (0, None)])
@pytest.mark.parametrize("head_too", [False, True])
def test_truncated_end_is_reported_with_the_last_valid_checkpoint(
    log: Path, left: int, held: int | None, head_too: bool
) -> None:
    put([*stored().values()][:left])
    if head_too and left:
        move_head()
    result = verify()
    if head_too and left == 11:  # the event of the last signature: no signature covers it
        assert result.verdict is Verdict.UNCHANGED
        return
    assert (result.verdict, result.seq, result.checkpoint) == (Verdict.TAIL_CUT, left + 1, held)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (
            8,
            " The last checkpoint that still has its event is at event 5; some or all events after it are"
            " missing. The log ended at event 8 when it was verified.",
        ),
        (3, " The log ended at event 3 when it was verified."),
        (0, ""),
    ],
)
def test_truncated_end_is_described_with_the_event_at_which_the_log_ended(
    log: Path, left: int, words: str
) -> None:
    put([*stored().values()][:left])
    assert verdict_sentence(verify()) == f"The end of the log is missing.{words}"


def test_head_that_names_a_later_event_is_described_with_the_last_event(log: Path) -> None:
    put([*stored().values()][:C2])
    result = verify(from_checkpoint=True)
    assert (result.whole, result.first, result.last) == (False, C2 + 1, C2)
    assert verdict_sentence(result).endswith(f" The log ended at event {C2} when it was verified.")


def test_restored_and_continued_old_backup_is_rewritten(log: Path) -> None:
    put([*stored().values()][:8])
    move_head()
    assert found() == ("tail_cut", 9)
    write(10)
    result = verify()
    assert (result.verdict, result.seq, result.checkpoint) == (Verdict.REWRITTEN, C2, C2)
    assert found_after_checkpoint() == ("rewritten", C2)
    with pytest.raises(NotSignedError):
        sign_checkpoint(SIGNER)


@pytest.mark.parametrize(("changed", "contradicting"), [(1, C1), (C1, C1), (6, C2), (C2, C2)])
def test_chain_rewritten_without_the_key_is_detected_by_the_checkpoint(
    log: Path, changed: int, contradicting: int
) -> None:
    rows = stored()
    rows[changed]["actor_name"] = "Bob"
    put(rechained([*rows.values()]))
    move_head()
    assert found() == ("rewritten", contradicting)


def test_contradicted_checkpoint_is_reported_before_an_invalid_mac_after_it(log: Path) -> None:
    rows = stored()
    rows[1]["actor_name"] = "Bob"
    put([row if row["seq"] <= C1 else {**row, "mac": "0" * 64} for row in rechained([*rows.values()])])
    move_head()
    assert found() == ("rewritten", C1)


def test_chain_rewritten_with_another_key_has_an_unknown_key(log: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    forged, previous = [], ""
    for _, checkpoint in checkpoints.read(log):
        name = checkpoints.key_id(stranger.public_key())
        forged.append(checkpoint._replace(key=name, previous=previous).signed_with(stranger))
        previous = forged[-1].signature
    log.write_text("".join(checkpoint.line() + "\n" for checkpoint in forged))
    assert found() == ("key_unknown", C1)


def test_former_key_is_still_valid(log: Path, settings: Settings) -> None:
    old = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key().public_bytes_raw()
    settings.AUDIT_SIGNING_KEY = base64.b64encode(bytes(range(32))).decode()
    assert found() == ("key_unknown", C1)
    settings.AUDIT_FORMER_PUBLIC_KEYS = [base64.b64encode(old).decode()]
    assert found() == ("unchanged", None)
    sign_checkpoint(SIGNER)
    assert found() == ("unchanged", None)


def test_one_valid_signature_suffices_while_every_line_names_the_previous_one(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        write(1)
        sign_checkpoint(SIGNER)
    looked_at: list[bytes] = []

    def counted(public: bytes, message: bytes, signature: bytes) -> bool:
        looked_at.append(message)
        return is_valid_signature(public, message, signature)

    monkeypatch.setattr(verify_audit_log, "is_valid_signature", counted)
    assert found() == ("unchanged", None)
    assert len(looked_at) == 1
    lines = log.read_text().splitlines(keepends=True)
    time = checkpoints.parse(lines[1].encode())
    assert time is not None
    log.write_text("".join([lines[0], lines[1].replace(str(time.time), str(time.time + 1)), *lines[2:]]))
    looked_at.clear()
    assert found() == ("checkpoints_damaged", C2)
    assert len(looked_at) == len(lines)


def lines_without(number: int) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line for place, line in enumerate(lines) if place != number]


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (lambda lines: [line.replace('"seq":5', '"seq":4') for line in lines], 4),
        (lines_without(0), C2),
        (lambda lines: lines[::-1], C2),
        (lambda lines: [*lines, lines[0]], C1),
        (lines_without(1), C2),
    ],
    ids=["changed", "first dropped", "reordered", "repeated", "last dropped"],
)
def test_altered_checkpoint_file_is_damaged(
    log: Path, change: Callable[[list[str]], list[str]], about: int
) -> None:
    log.write_text("".join(change(log.read_text().splitlines(keepends=True))))
    assert found() == ("checkpoints_damaged", about)


def test_tampered_head_is_reported_and_so_is_one_that_points_back(log: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET hash = %s", ["5" * 64])
        assert found() == ("head_differs", EVENTS)
        cursor.execute("UPDATE audit_head SET seq = 4")
    assert found() == ("head_differs", 4)


@pytest.mark.parametrize("seq", [EVENTS + 1, EVENTS + 5, 2**60, 2**63 - 1])
def test_head_that_was_set_forward_is_reported_and_no_event_counts_as_missing(log: Path, seq: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET seq = %s", [seq])
    assert found() == ("head_differs", EVENTS + 1)
    assert found_after_checkpoint() == ("head_differs", EVENTS + 1)
    put([*stored().values()][:-1])
    assert found() == ("tail_cut", EVENTS)


def test_verification_from_the_checkpoint_reads_only_later_rows(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = stored()
    rows[3]["actor_name"] = "Bob"
    put([*rows.values()])
    assert found_after_checkpoint() == ("unchanged", None)
    rows[12]["actor_name"] = "Bob"
    put([*rows.values()])
    assert found_after_checkpoint() == ("changed", 12)


@pytest.mark.parametrize("data", ["", "[]", "{}", "nonsense", "1", '{"file":"%s","last":"5"}'])
def test_invalid_signature_event_is_reported(log: Path, data: str) -> None:
    rows = [*stored().values()]
    file = checkpoints.file_id(log)
    rows[-1]["data"] = data.replace("%s", str(file))
    put(rechained(rows))
    move_head()
    assert found() == ("checkpoints_damaged", EVENTS)


def test_nothing_altered_is_signed(log: Path) -> None:
    write(2)
    rows = stored()
    rows[13]["actor_name"] = "Bob"
    put([*rows.values()])
    before = log.read_bytes()
    with pytest.raises(NotSignedError):
        sign_checkpoint(SIGNER)
    assert log.read_bytes() == before


def test_unchanged_log_is_not_signed_twice(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = sign_checkpoint(SIGNER)  # over the event of the last signature
    assert checkpoint is not None
    assert capsys.readouterr().out == checkpoint.line() + "\n" == log.read_text().splitlines()[-1] + "\n"


def test_log_with_a_lost_checkpoint_file_is_unsigned_until_signed_again(log: Path) -> None:
    log.unlink()
    assert found() == ("unsigned", None)
    sign_checkpoint(SIGNER)
    assert found() == ("unchanged", None)


def test_log_without_its_oldest_rows_up_to_a_checkpoint_verifies(log: Path) -> None:
    sign_checkpoint(SIGNER, beginning=Beginning(C1 + 1, str(AuditEvent.objects.get(seq=C1).hash)))
    put([row for seq, row in stored().items() if seq > C1])
    result = verify()
    assert (result.verdict, result.first) == (Verdict.UNCHANGED, C1 + 1)
    put([row for seq, row in stored().items() if seq > C1 + 1])
    assert found() == ("missing", C1 + 1)


@pytest.mark.parametrize(("seq", "reported"), [(-(2**63), -(2**53) + 1), (2**63 - 1, 2**53 - 1), (4, 4)])
def test_alteration_is_recorded_wherever_its_row_was_moved(log: Path, seq: int, reported: int) -> None:
    result = Result(Verdict.INSERTED, seq, None, 1, 3, "", whole=True)
    assert AuditEvent.objects.get(seq=record_result(SIGNER, result)).details["about"] == reported


def test_concurrent_readers_and_writers_raise_no_false_alarm(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "BATCH", 4)
    written = 0

    def write_more(progress: Progress) -> None:
        nonlocal written
        if written < 5:
            written += 1
            write(3)
            sign_checkpoint(SIGNER)

    result = verify(report=write_more)
    assert (result.verdict, result.last) == (Verdict.UNCHANGED, EVENTS + 5 * 4)


def test_concurrent_read_ahead_and_writers_raise_no_false_alarm(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "READ_AHEAD_FROM", 0)
    monkeypatch.setattr(stored_rows, "AHEAD", 4)
    seen: list[int] = []

    def write_more(progress: Progress) -> None:
        seen.append(progress.done)
        if len(seen) < 4:
            write(3)
            sign_checkpoint(SIGNER)

    result = verify(report=write_more)
    assert seen[:3] == [4, 8, 12]
    assert (result.verdict, result.last) == (Verdict.UNCHANGED, EVENTS + 3 * 4)


@pytest.mark.parametrize(
    "text", ['"', "\\", '\\"', "/", "'", "\x7f", "é", "\u2028", "\U0001f600", "</", ",", "null"]
)
def test_database_and_chain_write_a_text_alike(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        record(Event(ACCESS_DENIED, Actor(id="17", name=f"A{text}b"), data={"permission": text}))
    write(2)
    monkeypatch.setattr(verification, "READ_AHEAD_FROM", 0)
    with mock.patch.object(verification, "rows_after", return_value=[]) as rows_after:
        assert verify().verdict is Verdict.UNSIGNED
    assert rows_after.call_args_list == [
        mock.call(3, columns=COLUMNS_AND_MAC)
    ]  # only rows after the head are read one by one


def test_verification_inside_a_transaction_includes_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "READ_AHEAD_FROM", 0)
    with transaction.atomic():
        write(2)
        assert verify().last == 2


def test_abandoned_reader_leaves_no_thread(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "READ_AHEAD_FROM", 0)
    monkeypatch.setattr(stored_rows, "AHEAD", 2)
    steps = verification.verification()
    next(steps)
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("audit-reader")]


@pytest.mark.parametrize("quick_from", [0, 10**9], ids=["ahead", "row by row"])
@pytest.mark.usefixtures("usual_gc")
def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch, quick_from: int) -> None:
    monkeypatch.setattr(verification, "READ_AHEAD_FROM", quick_from)
    audit_rows.fill(rows := 8_000)

    def peak(rows_at_once: int) -> int:
        monkeypatch.setattr(stored_rows, "AHEAD", rows_at_once)
        monkeypatch.setattr(stored_rows, "BATCH", rows_at_once)
        tracemalloc.start()
        assert verify().last == rows
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    verify()  # memory for modules loaded once
    # Three of the eighty batches are in memory at once, and more than one form of each.
    assert peak(100) < peak(rows) / 8
