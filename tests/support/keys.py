"""Keys of tests."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from uuid import UUID

from django.db import transaction
from django.db.models import Model

from apps.core import personal_data


def new_encryption_key() -> str:
    """A random key in the form of ``ENCRYPTION_KEYS``."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


def digest_again(row: Model) -> list[UUID]:
    """Store the digests of a row under the digest key in use; the ids of rows that cannot be read."""
    rewritten = personal_data.re_digest_rows(type(row), [row.pk], "")
    with transaction.atomic():
        assert rewritten.write()
    return rewritten.unreadable
