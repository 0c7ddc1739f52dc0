"""Personal data at rest: encrypted values, and keyed digests by which they can be found again."""

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
    """The text as a Fernet token (ASCII), under the first of ``ENCRYPTION_KEYS``."""
    return _current_cipher().encrypt(text.encode()).decode("ascii")


def encrypt_json(value: dict[str, Any]) -> str:
    """The value as JSON, encrypted as :func:`encrypt` does."""
    return encrypt(json.dumps(value, ensure_ascii=False))


def decrypt(token: str) -> str:
    """The text of a token from :func:`encrypt`, under any of ``ENCRYPTION_KEYS``.

    Raises ``cryptography.fernet.InvalidToken`` when no key fits, the token was changed, or it is none.
    """
    try:
        return _current_cipher().decrypt(token).decode()
    except ValueError as error:  # not ASCII, or what is in it is no text
        raise InvalidToken from error


def decrypt_column(token: str) -> str:
    """The text of an encrypted column; "" for an empty one and, told in the log, for one that no key opens.

    One row must not take a page of fifty down.
    """
    try:
        return decrypt(token) if token else ""
    except InvalidToken:
        logger.error("encrypted_value_unreadable")
        return ""


def keyed_digest(purpose: str, *parts: str) -> str:
    """HMAC-SHA-256 (64 hex digits) of the parts under ``DIGEST_KEY``.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ; ``purpose`` keeps
    equal values of different kinds apart.
    """
    message = b"".join(
        len(data).to_bytes(8, "big") + data for data in (part.encode() for part in (purpose, *parts))
    )
    return hmac.new(settings.DIGEST_KEY.encode(), message, hashlib.sha256).hexdigest()
