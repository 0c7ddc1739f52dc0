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


def test_undecryptable_column_is_empty_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert (decrypt_column(""), caplog.messages) == ("", [])
    assert (decrypt_column("é"), caplog.messages) == ("", ["encrypted_value_unreadable"])
