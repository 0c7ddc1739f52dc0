"""Fingerprints of the audit log's keys, which the database must have accepted."""

from __future__ import annotations

import hashlib

from django.conf import settings

from apps.audit import macs
from apps.audit.integrity import checkpoints
from apps.core.key_fingerprints import KeyKind


def _fingerprints() -> list[str]:
    """SHA-256 of each public key, once each, the current key first. The first 16 digits are the key's id.

    While machines change to a new key, the current one is also among the former ones.
    """
    current = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()
    keys = [current, *map(checkpoints.public_key, settings.AUDIT_FORMER_PUBLIC_KEYS)]
    return [*dict.fromkeys(hashlib.sha256(key.public_bytes_raw()).hexdigest() for key in keys)]


def _mac_fingerprints() -> list[str]:
    return macs.mac_keys((*settings.AUDIT_MAC_KEYS, *settings.AUDIT_FORMER_MAC_KEYS)).fingerprints


AUDIT_SIGNING = KeyKind(
    "audit_signing", "AUDIT_SIGNING_KEY, AUDIT_FORMER_PUBLIC_KEYS", _fingerprints, chosen=False
)


def _former_mac_fingerprints() -> list[str]:
    former = settings.AUDIT_FORMER_MAC_KEYS
    return macs.mac_keys(former).fingerprints if former else []


AUDIT_MAC = KeyKind(
    macs.AUDIT_MAC,
    "AUDIT_MAC_KEYS, AUDIT_FORMER_MAC_KEYS",
    _mac_fingerprints,
    former=_former_mac_fingerprints,
)
