"""Decrypting many tokens follows the same rules as decrypting one."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from apps.core.bulk_decryption import decrypt_all
from apps.core.encryption import decrypt, encrypt


def _one_by_one(tokens: list[str]) -> list[str | None]:
    texts: list[str | None] = []
    for token in tokens:
        try:
            texts.append(decrypt(token))
        except InvalidToken:
            texts.append(None)
    return texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_text_round_trips(texts: list[str]) -> None:
    assert decrypt_all([encrypt(text) for text in texts]) == texts


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), texts=st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_altered_token_is_not_decrypted_and_affects_no_other(data: st.DataObject, texts: list[str]) -> None:
    tokens = [encrypt(text) for text in texts]
    changed = data.draw(st.integers(0, len(tokens) - 1))
    at = data.draw(st.integers(0, len(tokens[changed]) - 1))
    other = data.draw(st.sampled_from("AZaz09-_=. é"))
    tokens[changed] = tokens[changed][:at] + other + tokens[changed][at + 1 :]
    assert decrypt_all(tokens) == _one_by_one(tokens)


@pytest.mark.parametrize("token", ["", "gAAAA", "damaged", "é", "=" * 100, "A" * 200, "gAAAAA" + "A" * 90])
def test_invalid_token_is_not_decrypted(token: str) -> None:
    assert decrypt_all([encrypt("a"), token, encrypt("b")]) == ["a", None, "b"]


def test_previous_keys_decrypt_their_tokens(settings: Settings) -> None:
    keys = [Fernet.generate_key().decode() for _number in range(3)]
    tokens = [Fernet(key).encrypt(key.encode()).decode() for key in keys]
    settings.ENCRYPTION_KEYS = keys[:2]
    assert decrypt_all(tokens) == [keys[0], keys[1], None]


def test_token_with_a_valid_signature_and_invalid_padding_is_not_decrypted(
    settings: Settings,
) -> None:
    import base64
    import hmac

    key = base64.urlsafe_b64decode(settings.ENCRYPTION_KEYS[0])
    unsigned = b"\x80" + bytes(8) + bytes(16) + bytes(range(16))
    signed = unsigned + hmac.digest(key[:16], unsigned, "sha256")
    token = base64.urlsafe_b64encode(signed).decode()
    assert decrypt_all([token]) == _one_by_one([token]) == [None]
