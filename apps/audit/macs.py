"""The MAC of each row of the audit log, under a key that the database does not have; without Django::

    mac = HMAC-SHA-256( key, the 32 bytes of the row's hash )

The hash covers the whole row and, through the previous hash, all earlier rows. So a valid MAC shows that a
process with the key wrote this row after exactly these. The MAC and the id of its key are columns outside the
canonical bytes of :mod:`apps.audit.chain`: outsiders verify the chain without them.

The key in use writes. Earlier keys are never removed while rows with their MACs are stored, because nothing
else verifies these rows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

AUDIT_MAC: Final = "audit_mac"
"""The name of this kind of key."""
MAC_COLUMNS: Final = ("mac_key", "mac")
"""The columns of the key's id and the MAC, in this order."""
KEY_BYTES: Final = 32
_FINGERPRINT_OF: Final = b"consumer portal key fingerprint: audit MAC"  # not 32 bytes, so never a row's hash
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")


def mac_key(text: str) -> bytes:
    """The key from its 32 bytes in base64. Raises ``ValueError``, without the text, if malformed."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("is not the base64 of 32 bytes")
    return key


def fingerprint(key: bytes) -> str:
    """64 hex digits by which a key is recognised; the first 16 are its id. They do not reveal the key."""
    return next(_Hmac(key).of([_FINGERPRINT_OF]))


class _Hmac:
    """HMAC-SHA-256 (RFC 2104) with one key.

    The two hash states after the padded key are computed once and copied: a third of the time of
    ``hmac.digest``, which matters for a million rows.
    """

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def of(self, messages: Iterable[bytes]) -> Iterator[str]:
        """The MAC of each message, in hex."""
        copy_inner, copy_outer = self._inner.copy, self._outer.copy
        for message in messages:
            inner, outer = copy_inner(), copy_outer()
            inner.update(message)
            outer.update(inner.digest())
            yield outer.hexdigest()


class MacKeys:
    """The MAC keys of this process, in the order of the setting: all verify."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Raises ``ValueError`` if a key is malformed or there is none."""
        keys = [*map(mac_key, texts)]
        if not keys:
            raise ValueError("contains no key")
        self.fingerprints = [*map(fingerprint, keys)]
        self.first = self.fingerprints[0][:16]
        self._hmacs = {found[:16]: _Hmac(key) for found, key in zip(self.fingerprints, keys, strict=True)}

    def values_for(self, row_hash: str, in_use: str = "") -> tuple[str, str]:
        """The values of :data:`MAC_COLUMNS` for a new row: the id of the key, and 64 hex digits.

        ``in_use``: the fingerprint of the key to use. If it is not one of these keys, the first is used.
        """
        key_id = in_use[:16] if in_use[:16] in self._hmacs else self.first
        return key_id, next(self._macs_of(key_id, [row_hash]))

    def are_valid(self, hashes: Sequence[str], key_ids: Sequence[Any], macs: Sequence[Any]) -> bool:
        """Whether every MAC is the one of its hash. The hashes must be valid; the others can have any value.

        The comparison takes the same time wherever a MAC differs.
        """
        try:
            made: list[str] = []
            begin = 0
            for key_id, run in groupby(key_ids):
                end = begin + len([*run])
                made += self._macs_of(key_id, hashes[begin:end])
                begin = end
            same_number = begin == len(hashes) == len(macs)
            return same_number and hmac.compare_digest(",".join(made), ",".join(macs))
        except (KeyError, TypeError, ValueError):  # an unknown key, bytes, another number of values
            return False

    def is_unknown(self, key_id: object) -> bool:
        """Whether the id looks like that of a key, but of none that this process has."""
        looks_like_one = isinstance(key_id, str) and _KEY_ID.fullmatch(key_id) is not None
        return looks_like_one and key_id not in self._hmacs

    def _macs_of(self, key_id: str, hashes: Iterable[str]) -> Iterator[str]:
        return self._hmacs[key_id].of(map(bytes.fromhex, hashes))


def mac_keys(texts: Sequence[str]) -> MacKeys:
    """The keys of these texts, the value of ``AUDIT_MAC_KEYS``. Raises ``ValueError`` as :class:`MacKeys`."""
    return _prepared(tuple(texts))


_prepared = lru_cache(maxsize=8)(MacKeys)
