"""Encryption keys of tests."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode


def new_encryption_key() -> str:
    """A random key in the form of ``ENCRYPTION_KEYS``."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
