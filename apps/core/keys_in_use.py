"""Which key of each kind is in use, that is, written with. The database says so, not the order of a setting.

Every process has every registered key (``core.key_fingerprints``), so all of them read what any key wrote.
Therefore a process may know the key in use a few seconds late: :func:`current` reads it every few seconds.
Where one key must apply to all processes at once, :func:`lock` reads it for the rest of the transaction.
"""

from __future__ import annotations

import time

from django.db import connection

from apps.core.connections import DATABASE_ERRORS, statements_prepared
from apps.core.encryption import MissingKeyError
from apps.core.models import KeyFingerprint, KeyInUse

READ_EVERY = 5.0
"""Seconds for which a process uses what it has read."""


class _Known:
    """What this process has read."""

    fingerprints: dict[str, str] = {}  # by kind  # one for the process
    read_at = float("-inf")  # on the monotonic clock


def current(kind: str) -> str:
    """The fingerprint of the key in use of this kind, at most :data:`READ_EVERY` seconds old.

    If the database does not answer, the last one that was read; ``""`` if none was read. Raises nothing.
    """
    if _is_due():
        try:
            refresh()
        except DATABASE_ERRORS:
            _Known.read_at = time.monotonic()  # the next attempt is not made at once
    return _Known.fingerprints.get(kind, "")


def refresh() -> None:
    """Read the keys in use now. Raises ``DatabaseError`` and ``InterfaceError``."""
    _Known.fingerprints = dict(KeyInUse.objects.values_list("kind", "fingerprint"))
    _Known.read_at = time.monotonic()


def forget() -> None:
    """Forget what this process has read, as if it had just started."""
    _Known.fingerprints, _Known.read_at = {}, float("-inf")


def lock(kind: str, *, to_change: bool = False) -> str:
    """The fingerprint of the key in use, which no other process can change before the end of the transaction.

    ``""`` if the database has none. ``to_change``: until then, no other process can read it here either.

    On PostgreSQL a reader that has waited for a change gets the new key. On SQLite, write transactions are
    IMMEDIATE (settings) and follow one another.

    Raises ``MissingKeyError`` if none is in use although keys of this kind are registered: a digest under any
    other key would not be compared with those of other processes. ``to_change`` raises nothing.
    """
    strength = "UPDATE" if to_change else "SHARE"
    suffix = f" FOR {strength}" if connection.vendor == "postgresql" else ""
    with statements_prepared(), connection.cursor() as cursor:
        cursor.execute(f"SELECT fingerprint FROM core_keyinuse WHERE kind = %s{suffix}", [kind])  # noqa: S608  # constants
        row = cursor.fetchone()
    if row is None and not to_change and KeyFingerprint.objects.filter(kind=kind).exists():
        raise MissingKeyError(kind)
    return str(row[0]) if row else ""


def _is_due() -> bool:
    return time.monotonic() - _Known.read_at >= READ_EVERY
