"""A value that no key decrypts is reported as such, whatever it is."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pytest_django import Settings

from apps.core.encryption import decrypt, decrypt_column, encrypt


def test_what_was_sealed_comes_back() -> None:
    assert decrypt(encrypt("Zoë")) == decrypt_column(encrypt("Zoë")) == "Zoë"


@pytest.mark.parametrize("token", ["", "é", "gAAAA", "no token"])
def test_no_token_at_all_is_an_invalid_one(token: str) -> None:
    with pytest.raises(InvalidToken):
        decrypt(token)


def test_what_is_sealed_but_no_text_is_an_invalid_token(settings: Settings) -> None:
    token = Fernet(settings.ENCRYPTION_KEYS[0]).encrypt(b"\xff").decode()
    with pytest.raises(InvalidToken):
        decrypt(token)


def test_a_column_that_no_key_opens_is_empty_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert (decrypt_column(""), caplog.messages) == ("", [])
    assert (decrypt_column("é"), caplog.messages) == ("", ["encrypted_value_unreadable"])
