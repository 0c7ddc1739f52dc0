"""Many encrypted values at once, for exports: an order of magnitude quicker than one after the other.

A token (Fernet specification: version 0x80, time, IV, ciphertext, HMAC; AES-128 in CBC mode) is opened with
less ceremony here, not by other rules. In CBC mode a block needs only the block before it. So many tokens,
each with its IV in front, are one message to the cipher; the blocks that come out of the IVs are left out.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Final

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from django.conf import settings

from apps.core.encryption import decrypt

_VERSION: Final = 0x80
_BLOCK: Final = 16  # bytes
_BEFORE_IV: Final = 9  # bytes: version and time
_HMAC: Final = 32  # bytes
_LEAST: Final = _BEFORE_IV + 2 * _BLOCK + _HMAC


def decrypt_all(tokens: Sequence[str]) -> list[str | None]:
    """The text of each token, under any of ``ENCRYPTION_KEYS``; None for one that no key opens."""
    key = urlsafe_b64decode(settings.ENCRYPTION_KEYS[0])
    signing, encrypting = key[:_BLOCK], key[_BLOCK:]
    bodies = [_body(token, signing) for token in tokens]
    cipher = Cipher(AES(encrypting), CBC(bytes(_BLOCK))).decryptor()
    opened = cipher.update(b"".join(bodies)) + cipher.finalize()
    texts: list[str | None] = []
    end = 0
    for token, body in zip(tokens, bodies, strict=True):
        begin, end = end + _BLOCK, end + len(body)
        text = _unpadded(opened[begin:end]) if body else None
        texts.append(_by_other_keys(token) if text is None else text)
    return texts


def _body(token: str, signing: bytes) -> bytes:
    """IV and ciphertext of a token that the key has signed; nothing of any other."""
    try:
        data = urlsafe_b64decode(token)
    except (binascii.Error, ValueError):
        return b""
    if len(data) < _LEAST or data[0] != _VERSION or (len(data) - _BEFORE_IV) % _BLOCK:
        return b""
    signed = hmac.digest(signing, data[:-_HMAC], "sha256")
    return data[_BEFORE_IV:-_HMAC] if hmac.compare_digest(signed, data[-_HMAC:]) else b""


def _unpadded(data: bytes) -> str | None:
    # PKCS #7 (RFC 5652, 6.3): the last byte says how many of its kind are at the end.
    count = data[-1]
    if not 1 <= count <= _BLOCK or not data.endswith(data[-1:] * count):
        return None
    return data[:-count].decode()


def _by_other_keys(token: str) -> str | None:
    """For the few: the usual way, which says by itself what it cannot open."""
    try:
        return decrypt(token)
    except InvalidToken:
        return None
