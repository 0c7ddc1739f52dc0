"""The hash chain over the audit log: pure functions, without Django, for the writer and for verifiers.

A stored row is a :class:`Row` and a hash::

    hash = SHA-256( previous hash, 32 bytes  ‖  canonical bytes of the row )

The canonical bytes are one JSON object in UTF-8: every stored field but the two hashes, keys sorted,
no blanks, characters beyond ASCII as themselves, an absent text as ``null``. Whoever changes, drops,
adds or swaps a row must therefore change the hash of every row behind it, and those are known outside
the database.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, NamedTuple

FORMAT: Final = 1
"""Version of the canonical bytes that :func:`canonical_bytes` makes; stored in each row and hashed."""

GENESIS: Final = "0" * 64
"""What stands for the previous hash in the first row."""


class Row(NamedTuple):
    """One stored row without its own hash, in the order of the columns.

    ``time`` counts microseconds since 1970-01-01T00:00:00Z: a whole number comes back from every database
    as it went in. ``data`` is the stored JSON text itself, never parsed and written again. ``failure``
    may be 0 or 1, as SQLite gives it back.
    """

    seq: int
    format: int
    time: int
    action: str
    failure: bool | int
    actor_id: str | None
    actor_name: str
    actor_roles: str
    request_id: str | None
    peer_address: str
    client_address: str | None
    submission: str | None
    order_ref: str | None
    consumer_ref: str | None
    guest_ref: str | None
    person: str | None
    data: str
    previous_hash: str


class UnknownFormatError(ValueError):
    """The row was written in a format that this version does not know."""


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no blanks. Raises ``ValueError`` for what JSON has no word for (NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_bytes(row: Row) -> bytes:
    """What is hashed of a row. Raises :class:`UnknownFormatError`."""
    if row.format != FORMAT:
        raise UnknownFormatError(f"Row {row.seq} has the unknown format {row.format}")
    fields = row._asdict()
    del fields["previous_hash"]  # it stands in front of these bytes
    fields["failure"] = bool(row.failure)
    return canonical_json(fields).encode()


def row_hash(row: Row) -> str:
    """The hash of the row, 64 lower-case hex digits.

    Raises :class:`UnknownFormatError`, and ``ValueError`` when ``previous_hash`` is no SHA-256 in that form.
    """
    previous = bytes.fromhex(row.previous_hash)
    if previous.hex() != row.previous_hash or len(previous) != hashlib.sha256().digest_size:
        raise ValueError(f"The previous hash of row {row.seq} is not 64 lower-case hex digits")
    return hashlib.sha256(previous + canonical_bytes(row)).hexdigest()
