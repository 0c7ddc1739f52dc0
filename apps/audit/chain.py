"""The hash chain of the audit log: pure functions without Django, used to write and to verify.

A stored row consists of a :class:`Row` and its hash::

    hash = SHA-256( previous hash, 32 bytes  ‖  canonical bytes of the row )

The canonical bytes are one JSON object in UTF-8 with every stored field except the two hashes: sorted keys,
no blanks, characters beyond ASCII unescaped, missing texts as ``null``. Changing, dropping, adding or moving
a row therefore changes the hash of every later row, and signed hashes are stored outside the database.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, NamedTuple

FORMAT: Final = 1
"""Version of the canonical bytes of :func:`canonical_bytes`; stored in each row and part of its hash."""

GENESIS: Final = "0" * 64
"""The previous hash of the first row."""


class Row(NamedTuple):
    """One stored row without its own hash, in the order of the columns.

    ``time``: microseconds since 1970-01-01T00:00:00Z, an integer because every database returns it unchanged.
    ``data``: the stored JSON text, never parsed and serialised again. ``failure``: 0 or 1 if read from
    SQLite.
    """

    seq: int
    format: int
    time: int
    action: str
    failure: bool | int
    actor_id: str | None
    actor_name: str
    actor_roles: str
    session: str | None
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
    """The row has a format that this version cannot read."""


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no blanks. Raises ``ValueError`` for values without a JSON form (NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_bytes(row: Row) -> bytes:
    """The bytes of a row that are hashed. Raises :class:`UnknownFormatError`."""
    if row.format != FORMAT:
        raise UnknownFormatError(f"Row {row.seq} has the unknown format {row.format}")
    fields = row._asdict()
    del fields["previous_hash"]  # hashed before these bytes
    fields["failure"] = bool(row.failure)
    return canonical_json(fields).encode()


def row_hash(row: Row) -> str:
    """The hash of the row, 64 lower-case hex digits.

    Raises :class:`UnknownFormatError`, and ``ValueError`` if ``previous_hash`` is not a SHA-256 in that form.
    """
    previous = bytes.fromhex(row.previous_hash)
    if previous.hex() != row.previous_hash or len(previous) != hashlib.sha256().digest_size:
        raise ValueError(f"The previous hash of row {row.seq} is not 64 lower-case hex digits")
    return hashlib.sha256(previous + canonical_bytes(row)).hexdigest()
