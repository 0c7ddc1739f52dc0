"""The file of signed checkpoints: what counts in it, and what a torn, changed or strange line does."""

from __future__ import annotations

import base64
import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from apps.audit.events import Event
from apps.audit.integrity.checkpoints import (
    Beginning,
    Checkpoint,
    append,
    covered_by_the_last,
    key_id,
    keys_by_id,
    last_valid,
    parse,
    read,
    signing_key,
)
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core.actor import Actor

KEY_TEXT = base64.b64encode(bytes(range(32))).decode()
KEY = signing_key(KEY_TEXT)
KEYS = keys_by_id(KEY_TEXT)


def checkpoint(seq: int, *, after: Checkpoint | None = None, key: Ed25519PrivateKey = KEY) -> Checkpoint:
    links = (after.signature, after.line_hash()) if after else ("", "")
    plain = Checkpoint(
        seq, f"{seq:064x}", 1_795_441_234_567_890, *Beginning(), key_id(key.public_key()), *links
    )
    return plain.signed_with(key)


def test_the_signed_bytes_are_the_documented_ones() -> None:
    # Written by hand from the docstring, not by the code under test.
    assert (
        checkpoint(7)._replace(previous="ab", previous_line="cd").signed_bytes()
        == (
            '{"anchor":"'
            + "0" * 64
            + '","first":1,"format":1,"hash":"'
            + f"{7:064x}"
            + '","key":"'
            + key_id(KEY.public_key())
            + '",'
            '"kind":"audit checkpoint","previous":"ab","previous_line":"cd","seq":7,"time":1795441234567890}'
        ).encode()
    )


def test_a_line_comes_back_as_the_checkpoint_that_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new folder/checkpoints.jsonl"
    first = checkpoint(3)
    second = checkpoint(9, after=first)
    append(file, first)
    append(file, second)
    assert [found for _, found in read(file)] == [first, second]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert last_valid(file, KEYS) == (len(first.line()) + 1, second)


def test_a_torn_line_is_passed_over_and_the_next_begins_behind_it(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    append(file, checkpoint(3))
    with file.open("a") as torn:
        torn.write(checkpoint(5).line()[:40])
    append(file, checkpoint(9))
    assert [found.seq for _, found in read(file)] == [3, 9]


def fill_up(patched: pytest.MonkeyPatch, *, after: int) -> None:
    """A disk that has room for so many bytes: it takes a part of a line, and says so by its number alone."""
    write = os.write
    patched.setattr(os, "write", lambda file, text: write(file, text[:after]))


@pytest.mark.parametrize("after", [0, 40, -1])  # the last one leaves nothing out but the line's end
def test_a_line_that_a_full_disk_took_in_part_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    file = tmp_path / "checkpoints.jsonl"
    append(file, checkpoint(3))
    with monkeypatch.context() as patched:
        fill_up(patched, after=after)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            append(file, checkpoint(5))
    append(file, checkpoint(9))
    assert [found.seq for _, found in read(file)] == ([3, 5, 9] if after == -1 else [3, 9])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", [0, 40, -1])
def test_no_event_tells_of_a_signature_that_is_not_in_the_file(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    worker = Actor.system("worker")
    for _ in range(2):
        with transaction.atomic():
            record(Event(SUBMISSION_VIEWED, worker))
    sign_checkpoint(worker)
    with transaction.atomic():
        record(Event(SUBMISSION_VIEWED, worker))
    told = AuditEvent.objects.count()
    with monkeypatch.context() as patched:
        fill_up(patched, after=after)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            sign_checkpoint(worker)
    assert AuditEvent.objects.count() == told
    assert verify().verdict is Verdict.UNCHANGED
    with transaction.atomic():
        record(Event(SUBMISSION_VIEWED, worker))
    assert sign_checkpoint(worker) is not None
    assert verify().verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("field", ["seq", "hash", "time", "first", "key", "previous"])
def test_a_signature_is_over_every_field(field: str) -> None:
    signed = checkpoint(3)
    assert signed.holds_under(KEY.public_key())
    value = getattr(signed, field)
    other: dict[str, Any] = {field: value + 1 if isinstance(value, int) else value + "0"}
    changed = signed._replace(**other)
    assert not changed.holds_under(KEY.public_key())


def test_the_last_valid_one_is_found_before_whatever_others_have_appended(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.jsonl"
    assert last_valid(file, KEYS) is None
    append(file, checkpoint(3))
    append(file, checkpoint(99, key=Ed25519PrivateKey.generate()))
    append(file, checkpoint(50)._replace(signature="00" * 64))
    with file.open("a") as strange:
        strange.write("x" * 100_000)
    found = last_valid(file, KEYS)
    assert found is not None
    assert found[1].seq == 3


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        checkpoint(3).line().replace("checkpoint", "checkpoints").encode(),
        checkpoint(3).line().replace('"seq":3', '"seq":3.0').encode(),
        checkpoint(3).line().replace('"seq":3', '"seq":true').encode(),
        checkpoint(3).line().replace(":", ": ").encode(),
        b'{"seq":9,' + checkpoint(3).line()[1:].encode(),
    ],
)
def test_a_line_in_another_form_is_no_checkpoint(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(bytes(31)).decode(), KEY_TEXT + "!", "é"])
def test_a_key_in_another_form_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="base64 of 32 bytes") as refused:
        signing_key(text)
    assert not text or text not in str(refused.value)


def _file(path: Path, lines: list[Checkpoint]) -> bool:
    path.write_text("".join(line.line() + "\n" for line in lines))
    return covered_by_the_last(path, KEYS, end=path.stat().st_size)


def test_the_last_signature_covers_every_line_that_the_next_one_names(tmp_path: Path) -> None:
    first = checkpoint(3)
    second = checkpoint(9, after=first)
    third = checkpoint(12, after=second)
    path = tmp_path / "checkpoints.jsonl"
    assert _file(path, [first, second, third])
    assert _file(path, [first])
    assert not _file(path, [])
    assert not _file(path, [second, third])
    assert not _file(path, [first, third])
    assert not _file(path, [second, first, third])
    assert not _file(path, [first, second, third._replace(signature=second.signature)])
    stranger = checkpoint(12, after=second, key=Ed25519PrivateKey.generate())
    assert not _file(path, [first, second, stranger])
    assert not _file(path, [first, second, stranger, checkpoint(14, after=stranger)])


@pytest.mark.parametrize("field", Checkpoint._fields)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_field_of_any_line_can_be_changed_under_the_last_signature(
    tmp_path: Path, field: str, place: int
) -> None:
    lines = [checkpoint(3)]
    lines += [checkpoint(9, after=lines[0])]
    lines += [checkpoint(12, after=lines[1])]
    value = getattr(lines[place], field)
    changed: dict[str, Any] = {field: value + 1 if isinstance(value, int) else "ab" + value[2:]}
    lines[place] = lines[place]._replace(**changed)
    assert not _file(tmp_path / "checkpoints.jsonl", lines)
