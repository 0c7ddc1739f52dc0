"""Encryption of personal data at rest, and keyed digests to search for encrypted values.

A value is encrypted with AES-256-GCM (NIST SP 800-38D) for one place: the kind of value and the row or person
that it belongs to are its associated data. A value that was moved to another place, or altered, does not
decrypt. Stored form: key id (4 bytes), nonce (12), ciphertext with its tag (16).

A random nonce allows 2**32 values for each key (section 8.3 there).
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

KEY_BYTES: Final = 32
_KEY_ID: Final = 4
_NONCE: Final = 12
_HEAD: Final = _KEY_ID + _NONCE
_OWNER_LENGTH: Final = 32  # characters of a UUID in hexadecimal
_FINGERPRINT_LABEL: Final = b"consumer portal key fingerprint: encryption"


class NotReadableError(Exception):
    """A value that cannot be decrypted."""


class UnknownKeyError(NotReadableError):
    """The key that encrypted the value is not in ``ENCRYPTION_KEYS``."""


class DoesNotBelongHereError(NotReadableError):
    """The value was encrypted for another place, or was altered."""


def read_keys(values: Sequence[str]) -> list[bytes]:
    """The keys in URL-safe base64, decoded.

    Raises ``ValueError`` if one is not 32 bytes, or if two have the same id.
    """
    keys = [b64decode(value, altchars=b"-_", validate=True) for value in values]
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError("a key is not 32 bytes")
    if len({_key_id(key) for key in keys}) != len(keys):
        raise ValueError("two keys have the same id")
    return keys


def key_fingerprint(key: bytes) -> bytes:
    """The fingerprint of an encryption key (32 bytes). The key cannot be computed from it."""
    return hmac.digest(key, _FINGERPRINT_LABEL, "sha256")


def encrypt(text: str, *place: str) -> bytes:
    """Encrypt a text with the first of ``ENCRYPTION_KEYS``.

    ``place``: the label of the kind of value, then the ids of what it belongs to. :func:`decrypt` needs the
    same.
    """
    key_id, cipher = next(iter(_ciphers(tuple(settings.ENCRYPTION_KEYS)).items()))
    nonce = os.urandom(_NONCE)
    return key_id + nonce + cipher.encrypt(nonce, text.encode(), _joined(place))


def decrypt(stored: bytes, *place: str) -> str:
    """Decrypt a value from :func:`encrypt`. Raises ``UnknownKeyError`` and ``DoesNotBelongHereError``."""
    return _decrypt(_ciphers(tuple(settings.ENCRYPTION_KEYS)), stored, _joined(place))


def decryptor(label: str) -> Callable[[bytes, str], str]:
    """A function that decrypts many values with this label quickly, like :func:`decrypt`.

    Its second argument is the id of the row: the 32 hexadecimal digits of a UUID.
    """
    ciphers = _ciphers(tuple(settings.ENCRYPTION_KEYS))
    prefix = _joined((label,)) + _OWNER_LENGTH.to_bytes(8, "big")

    def decrypt_owned(stored: bytes, owner: str) -> str:
        return _decrypt(ciphers, stored, prefix + owner.encode())

    return decrypt_owned


def encrypt_as_text(text: str, *place: str) -> str:
    """:func:`encrypt`, as URL-safe base64, for sessions and forms."""
    return urlsafe_b64encode(encrypt(text, *place)).decode("ascii")


def decrypt_from_text(stored: str, *place: str) -> str:
    """Decrypt a value from :func:`encrypt_as_text`. Raises the errors of :func:`decrypt`."""
    try:
        data = b64decode(stored, altchars=b"-_", validate=True)
    except ValueError as error:
        raise DoesNotBelongHereError from error
    return decrypt(data, *place)


def keyed_digest(purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 (32 bytes) of the parts under ``DIGEST_KEY``.

    ``purpose`` makes the digests of equal values differ between uses.
    """
    return hmac.digest(settings.DIGEST_KEY.encode(), _joined((purpose, *parts)), "sha256")


def _decrypt(ciphers: Mapping[bytes, AESGCM], stored: bytes, associated: bytes) -> str:
    if not isinstance(stored, bytes) or len(stored) < _HEAD:  # SQLite stores a value of any type
        raise DoesNotBelongHereError
    cipher = ciphers.get(stored[:_KEY_ID])
    if cipher is None:
        raise UnknownKeyError
    try:
        return cipher.decrypt(stored[_KEY_ID:_HEAD], stored[_HEAD:], associated).decode()
    except InvalidTag as error:
        raise DoesNotBelongHereError from error


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> dict[bytes, AESGCM]:
    """The ciphers by key id, in the order of the keys."""
    return {_key_id(key): AESGCM(key) for key in read_keys(keys)}


def _key_id(key: bytes) -> bytes:
    return key_fingerprint(key)[:_KEY_ID]


def _joined(parts: Sequence[str]) -> bytes:
    """The parts, each preceded by its length, so that ("ab", "c") and ("a", "bc") differ."""
    return b"".join([len(data).to_bytes(8, "big") + data for data in [part.encode() for part in parts]])
