"""A value opens with its own binding, under its own key, unaltered, and nowhere else."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.core.encryption import (
    DoesNotBelongHereError,
    NotReadableError,
    UnknownKeyError,
    decrypt,
    decrypt_from_text,
    decryptor,
    encrypt,
    encrypt_as_text,
    read_keys,
)
from tests.support.keys import new_encryption_key

ROW, OTHER_ROW = "1" * 32, "2" * 32
HEAD, TAG = 16, 16  # bytes: key id and nonce; tag
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_any_text_round_trips(text: str) -> None:
    stored = encrypt(text, "label", ROW)
    assert len(stored) == HEAD + len(text.encode()) + TAG
    assert decrypt(stored, "label", ROW) == decryptor("label")(stored, ROW) == text
    assert decrypt_from_text(encrypt_as_text(text, "label", ROW), "label", ROW) == text


@pytest.mark.parametrize(
    "binding",
    [
        ("label", OTHER_ROW),
        ("other", ROW),
        ("label",),
        ("label", ROW, ""),
        (f"label{ROW}",),
        ("label1", ROW[1:]),
    ],
)
def test_value_with_another_binding_does_not_open(binding: tuple[str, ...]) -> None:
    stored = encrypt("Zoë", "label", ROW)
    with pytest.raises(DoesNotBelongHereError):
        decrypt(stored, *binding)


def test_many_values_are_bound_too() -> None:
    stored = encrypt("Zoë", "label", ROW)
    for label, row in (("label", OTHER_ROW), ("other", ROW)):
        with pytest.raises(DoesNotBelongHereError):
            decryptor(label)(stored, row)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 31, 34])
def test_truncated_value_does_not_open(length: int) -> None:
    stored = encrypt("Zoë", "label", ROW)
    with pytest.raises(DoesNotBelongHereError):
        decrypt(stored[:length], "label", ROW)


def test_value_altered_in_any_byte_does_not_open() -> None:
    stored = encrypt("Zoë", "label", ROW)
    for index in range(len(stored)):
        altered = bytearray(stored)
        altered[index] ^= 1
        expected = UnknownKeyError if index < 4 else DoesNotBelongHereError
        with pytest.raises(expected):
            decrypt(bytes(altered), "label", ROW)


@pytest.mark.parametrize("text", ["", "é", "gAAAA", "not base64", "AAAA" * 10 + "="])
def test_arbitrary_text_does_not_open(text: str) -> None:
    with pytest.raises(NotReadableError):
        decrypt_from_text(text, "label", ROW)


def test_former_keys_decrypt_and_a_missing_key_is_told_apart(settings: Settings) -> None:
    keys = [new_encryption_key() for _number in range(3)]
    stored = []
    for key in keys:
        settings.ENCRYPTION_KEYS = [key]
        stored.append(encrypt(key, "label", ROW))
    settings.ENCRYPTION_KEYS = keys[:2]
    assert [decrypt(value, "label", ROW) for value in stored[:2]] == keys[:2]
    assert encrypt("new", "label", ROW)[:4] == stored[0][:4]
    with pytest.raises(UnknownKeyError):
        decrypt(stored[2], "label", ROW)


def test_value_with_the_id_of_another_key_does_not_open(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    first = encrypt("Zoë", "label", ROW)
    settings.ENCRYPTION_KEYS = [new_encryption_key(), *settings.ENCRYPTION_KEYS]
    relabelled = encrypt("", "label", ROW)[:4] + first[4:]
    with pytest.raises(DoesNotBelongHereError):
        decrypt(relabelled, "label", ROW)


def test_nonces_differ() -> None:
    assert len({encrypt("Zoë", "label", ROW)[4:16] for _number in range(1_000)}) == 1_000


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33, 64])
def test_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        read_keys([urlsafe_b64encode(bytes(length)).decode()])


def test_same_key_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        read_keys([new_encryption_key(), *[new_encryption_key()] * 2])
