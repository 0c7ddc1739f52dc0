"""The keys of the checkpoints as a kind of key that the database accepts."""

from __future__ import annotations

import hashlib

from django.conf import settings

from apps.audit.integrity import checkpoints
from apps.core.key_fingerprints import KeyKind


def _held() -> list[str]:
    """SHA-256 of each public key, the present one first. The first 16 digits are the key's id."""
    present = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()
    keys = [present, *map(checkpoints.public_key, settings.AUDIT_FORMER_PUBLIC_KEYS)]
    return [hashlib.sha256(key.public_bytes_raw()).hexdigest() for key in keys]


AUDIT_SIGNING = KeyKind("audit_signing", "AUDIT_SIGNING_KEY, AUDIT_FORMER_PUBLIC_KEYS", _held)
