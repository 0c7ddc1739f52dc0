"""Signatures of web hooks by the Standard Webhooks specification (github.com/standard-webhooks).

The package `standardwebhooks` has the same few lines beside a client's verification, so it is used in tests
only, as the reference.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
"""Lengths of a secret that the specification permits."""


def key_of(secret: str) -> bytes:
    """The key in a secret such as ``whsec_`` and base64. Raises ``ValueError`` if it is not one."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError("not whsec_ and the base64 of 24 to 64 bytes")
    return key


def headers_for(message_id: str, body: bytes, *, seconds: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that sign a body. ``seconds``: the time of the attempt, since 1970.

    Each secret makes one signature, so that a receiver can change from one secret to the next.
    """
    signed = f"{message_id}.{seconds}.".encode() + body
    signatures = [hmac.digest(key_of(secret), signed, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
