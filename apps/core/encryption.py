"""Encryption of personal data at rest, and keyed digests to search for encrypted values.

A value is encrypted with AES-256-GCM (NIST SP 800-38D). Its associated data bind it to the kind of value and
to the row or person that it belongs to. A value that was moved to another row or column, or altered, does not
decrypt. Stored form: key id (4 bytes), nonce (12), ciphertext with its tag (16).

A random nonce allows 2**32 values for each key (section 8.3 there).

Which key of a process writes is stored in the database (``core.keys_in_use``). Until that is known, the first
of the setting writes. A process that does not have the key in use writes nothing that others must read or
compare: :class:`MissingKeyError`. All keys of a process read.
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

ENCRYPTION: Final = "encryption"
DIGEST: Final = "digest"
"""The kinds of keys of this module."""
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
_NONCE: Final = 12
_HEAD: Final = KEY_ID_BYTES + _NONCE
_OWNER_LENGTH: Final = 32  # characters of a UUID in hexadecimal
_FINGERPRINT_LABEL: Final = b"consumer portal key fingerprint: encryption"
_DIGEST_FINGERPRINT: Final = ("consumer portal key fingerprint", "digest")


class NotReadableError(Exception):
    """A value that cannot be decrypted."""


class UnknownKeyError(NotReadableError):
    """The key that encrypted the value is not in ``ENCRYPTION_KEYS``."""


class DoesNotBelongHereError(NotReadableError):
    """The value was encrypted with another binding, or was altered."""


class MissingKeyError(Exception):
    """This process does not have a key that it needs for writing."""


_key_in_use: list[Callable[[str], str]] = []


def set_reader(read: Callable[[str], str]) -> None:
    """Set the function that returns the fingerprint of the key in use, by kind; ``""`` if it is not known."""
    _key_in_use[:] = [read]


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


def encrypt(text: str, *binding: str, or_own_key: bool = False) -> bytes:
    """Encrypt a text with the encryption key in use.

    ``binding``: the label of the kind of value, then the ids of what it belongs to. :func:`decrypt` needs the
    same. Raises ``MissingKeyError`` if this process does not have the key in use. ``or_own_key``: uses the
    first key of the setting instead, for a value whose loss is worse than a value that only some read.
    """
    ciphers = _ciphers(tuple(settings.ENCRYPTION_KEYS))
    in_use = _fingerprint_in_use(ENCRYPTION)
    key_id = encryption_key_id(in_use)
    if key_id not in ciphers:
        if in_use and not or_own_key:
            raise MissingKeyError(in_use[:16])
        key_id = next(iter(ciphers))
    cipher = ciphers[key_id]
    nonce = os.urandom(_NONCE)
    return key_id + nonce + cipher.encrypt(nonce, text.encode(), _joined(binding))


def decrypt(stored: bytes, *binding: str) -> str:
    """Decrypt a value from :func:`encrypt`. Raises ``UnknownKeyError`` and ``DoesNotBelongHereError``."""
    return _decrypt(_ciphers(tuple(settings.ENCRYPTION_KEYS)), stored, _joined(binding))


def decryptor(label: str) -> Callable[[bytes, str], str]:
    """A function that decrypts many values with this label quickly, like :func:`decrypt`.

    Its second argument is the id of the row: the 32 hexadecimal digits of a UUID.
    """
    ciphers = _ciphers(tuple(settings.ENCRYPTION_KEYS))
    prefix = _joined((label,)) + _OWNER_LENGTH.to_bytes(8, "big")

    def decrypt_owned(stored: bytes, owner: str) -> str:
        return _decrypt(ciphers, stored, prefix + owner.encode())

    return decrypt_owned


def re_encryptor(label: str, fingerprint: str) -> Callable[[bytes, str], bytes]:
    """A function that encrypts many values with this label again, with the key of that fingerprint.

    Its arguments are those of :func:`decryptor`. It returns a value that has this key already unchanged, and
    raises the errors of :func:`decrypt`. Raises ``MissingKeyError`` if this process does not have the key.
    """
    ciphers = _ciphers(tuple(settings.ENCRYPTION_KEYS))
    prefix = _joined((label,)) + _OWNER_LENGTH.to_bytes(8, "big")
    key_id = encryption_key_id(fingerprint)
    if key_id not in ciphers:
        raise MissingKeyError(fingerprint[:16])
    new = ciphers[key_id]

    def re_encrypt_owned(stored: bytes, owner: str) -> bytes:
        if stored[:KEY_ID_BYTES] == key_id:
            return stored
        associated = prefix + owner.encode()
        text = _decrypt_bytes(ciphers, stored, associated)
        nonce = os.urandom(_NONCE)
        return key_id + nonce + new.encrypt(nonce, text, associated)

    return re_encrypt_owned


def encryption_key_id(fingerprint: str) -> bytes:
    """The bytes that each value under the key of this fingerprint (hex digits) begins with."""
    return bytes.fromhex(fingerprint[: 2 * KEY_ID_BYTES])


def stored_bytes(stored: object) -> bytes:
    """The value of a binary column as bytes.

    Raises ``DoesNotBelongHereError`` for a value of another type: SQLite stores any in every column.
    """
    if not isinstance(stored, bytes | memoryview):
        raise DoesNotBelongHereError
    return bytes(stored)


def encrypt_as_text(text: str, *binding: str) -> str:
    """:func:`encrypt`, as URL-safe base64, for sessions and forms.

    Raises no ``MissingKeyError``: these values end within hours, and the entry that a person typed must not
    be lost because of a key that this machine does not have.
    """
    return urlsafe_b64encode(encrypt(text, *binding, or_own_key=True)).decode("ascii")


def decrypt_from_text(stored: str, *binding: str) -> str:
    """Decrypt a value from :func:`encrypt_as_text`. Raises the errors of :func:`decrypt`."""
    try:
        data = b64decode(stored, altchars=b"-_", validate=True)
    except ValueError as error:
        raise DoesNotBelongHereError from error
    return decrypt(data, *binding)


def digest_fingerprints() -> list[str]:
    """The fingerprints (64 hex digits) of ``DIGEST_KEYS``, in the order of the setting."""
    return [*_digest_keys(tuple(settings.DIGEST_KEYS))]


def has_several_digest_keys() -> bool:
    """Whether stored digests may be under different keys."""
    return len(settings.DIGEST_KEYS) > 1


def keyed_digest(purpose: str, *parts: str, key: str = "") -> bytes:
    """HMAC-SHA-256 (32 bytes) of the parts, for storing.

    ``purpose`` makes the digests of equal values differ between uses. ``key`` is the fingerprint of the key,
    by default the digest key in use. Raises ``MissingKeyError`` if this process does not have that key.

    To look up or compare a value, use :func:`keyed_digests`: a stored one may be under another key.
    """
    keys = _digest_keys(tuple(settings.DIGEST_KEYS))
    key = key or _digest_key_in_use(keys)
    if key not in keys:
        raise MissingKeyError(key[:16])
    secret = keys[key]
    return hmac.digest(secret, _joined((purpose, *parts)), "sha256")


def keyed_digests(purpose: str, *parts: str, or_own_keys: bool = False) -> tuple[bytes, ...]:
    """:func:`keyed_digest` under every digest key of this process, the one in use first.

    Raises ``MissingKeyError`` if this process does not have the key in use: it would not find what others
    store. ``or_own_keys``: returns those under its own keys instead, where a miss does no lasting harm.
    """
    keys = _digest_keys(tuple(settings.DIGEST_KEYS))
    first = _digest_key_in_use(keys)
    if first not in keys:
        if not or_own_keys:
            raise MissingKeyError(first[:16])
        first = next(iter(keys))
    message = _joined((purpose, *parts))
    return tuple(
        hmac.digest(keys[one], message, "sha256") for one in (first, *(one for one in keys if one != first))
    )


def _digest_key_in_use(keys: Mapping[str, bytes]) -> str:
    return _fingerprint_in_use(DIGEST) or next(iter(keys))


def _fingerprint_in_use(kind: str) -> str:
    return _key_in_use[0](kind) if _key_in_use else ""


def _decrypt(ciphers: Mapping[bytes, AESGCM], stored: bytes, associated: bytes) -> str:
    return _decrypt_bytes(ciphers, stored, associated).decode()


def _decrypt_bytes(ciphers: Mapping[bytes, AESGCM], stored: bytes, associated: bytes) -> bytes:
    if not isinstance(stored, bytes) or len(stored) < _HEAD:  # SQLite stores a value of any type
        raise DoesNotBelongHereError
    cipher = ciphers.get(stored[:KEY_ID_BYTES])
    if cipher is None:
        raise UnknownKeyError
    try:
        return cipher.decrypt(stored[KEY_ID_BYTES:_HEAD], stored[_HEAD:], associated)
    except InvalidTag as error:
        raise DoesNotBelongHereError from error


@lru_cache(maxsize=4)
def _ciphers(keys: tuple[str, ...]) -> dict[bytes, AESGCM]:
    """The ciphers by key id, in the order of the keys."""
    return {_key_id(key): AESGCM(key) for key in read_keys(keys)}


@lru_cache(maxsize=4)
def _digest_keys(keys: tuple[str, ...]) -> dict[str, bytes]:
    """The keys by fingerprint, in the order of the setting."""
    secrets = [key.encode() for key in keys]
    message = _joined(_DIGEST_FINGERPRINT)
    return {hmac.digest(secret, message, "sha256").hex(): secret for secret in secrets}


def _key_id(key: bytes) -> bytes:
    return key_fingerprint(key)[:KEY_ID_BYTES]


def _joined(parts: Sequence[str]) -> bytes:
    """The parts, each preceded by its length, so that ("ab", "c") and ("a", "bc") differ."""
    return b"".join([len(data).to_bytes(8, "big") + data for data in [part.encode() for part in parts]])
