"""A value that no key decrypts is reported as such, whatever it is."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pytest_django import Settings

from apps.core.encryption import decrypt, decrypt_column, encrypt


def test_sealed_text_round_trips() -> None:
    assert decrypt(encrypt("Zoë")) == decrypt_column(encrypt("Zoë")) == "Zoë"


@pytest.mark.parametrize("token", ["", "é", "gAAAA", "no token"])
def test_arbitrary_text_is_an_invalid_token(token: str) -> None:
    with pytest.raises(InvalidToken):
        decrypt(token)


def test_encrypted_bytes_that_are_no_text_are_an_invalid_token(settings: Settings) -> None:
    token = Fernet(settings.ENCRYPTION_KEYS[0]).encrypt(b"\xff").decode()
    with pytest.raises(InvalidToken):
        decrypt(token)


def test_former_keys_decrypt_their_tokens_and_unknown_keys_do_not(settings: Settings) -> None:
    keys = [Fernet.generate_key().decode() for _number in range(3)]
    tokens = [Fernet(key).encrypt(key.encode()).decode() for key in keys]
    settings.ENCRYPTION_KEYS = keys[:2]
    assert [decrypt(token) for token in tokens[:2]] == keys[:2]
    with pytest.raises(InvalidToken):
        decrypt(tokens[2])


def test_undecryptable_column_is_empty_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert (decrypt_column(""), caplog.messages) == ("", [])
    assert (decrypt_column("é"), caplog.messages) == ("", ["encrypted_value_unreadable"])
