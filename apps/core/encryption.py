"""Encryption of personal data at rest, and keyed digests to search for encrypted values."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

logger = logging.getLogger(__name__)


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _current_cipher() -> MultiFernet:
    return _cipher(tuple(settings.ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """Encrypt a text with the first of ``ENCRYPTION_KEYS``. Returns a Fernet token (ASCII)."""
    return _current_cipher().encrypt(text.encode()).decode("ascii")


def encrypt_json(value: dict[str, Any]) -> str:
    """Serialise a value as JSON and encrypt it with :func:`encrypt`."""
    return encrypt(json.dumps(value, ensure_ascii=False))


def decrypt(token: str) -> str:
    """Decrypt a token from :func:`encrypt` with any of ``ENCRYPTION_KEYS``.

    Raises ``cryptography.fernet.InvalidToken`` if no key decrypts it, or if it is no unchanged token.
    """
    try:
        return _current_cipher().decrypt(token).decode()
    except ValueError as error:  # the token is not ASCII, or its content is not UTF-8
        raise InvalidToken from error


def decrypt_column(token: str) -> str:
    """Decrypt a column; "" for an empty one, and for an unreadable one, which is logged.

    One unreadable row must not make a page of fifty rows fail.
    """
    try:
        return decrypt(token) if token else ""
    except InvalidToken:
        logger.error("encrypted_value_unreadable")
        return ""


def keyed_digest(purpose: str, *parts: str) -> str:
    """HMAC-SHA-256 (64 hex digits) of the parts under ``DIGEST_KEY``.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ. ``purpose`` makes the
    digests of equal values differ between uses.
    """
    message = b"".join(
        len(data).to_bytes(8, "big") + data for data in (part.encode() for part in (purpose, *parts))
    )
    return hmac.new(settings.DIGEST_KEY.encode(), message, hashlib.sha256).hexdigest()
