"""The file of signed checkpoints: what counts in it, and what a torn, changed or strange line does."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.audit.checkpoints import (
    Checkpoint,
    append,
    key_id,
    keys_by_id,
    last_valid,
    parse,
    read,
    signing_key,
)

KEY_TEXT = base64.b64encode(bytes(range(32))).decode()
KEY = signing_key(KEY_TEXT)
KEYS = keys_by_id(KEY_TEXT)


def checkpoint(seq: int, *, previous: str = "", key: Ed25519PrivateKey = KEY) -> Checkpoint:
    plain = Checkpoint(seq, f"{seq:064x}", 1_795_441_234_567_890, 1, key_id(key.public_key()), previous)
    return plain.signed_with(key)


def test_the_signed_bytes_are_the_documented_ones() -> None:
    # Written by hand from the docstring, not by the code under test.
    assert (
        checkpoint(7, previous="ab").signed_bytes()
        == (
            '{"first":1,"format":1,"hash":"' + f"{7:064x}" + '","key":"' + key_id(KEY.public_key()) + '",'
            '"kind":"audit checkpoint","previous":"ab","seq":7,"time":1795441234567890}'
        ).encode()
    )


def test_a_line_comes_back_as_the_checkpoint_that_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new folder/checkpoints.jsonl"
    first = checkpoint(3)
    second = checkpoint(9, previous=first.signature)
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
