"""Fast verification of the hash chain over stored rows: pure functions without Django.

The bytes are those of :func:`apps.audit.chain.canonical_bytes`, built with a template, which takes a third of
the time. A property test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from json.encoder import encode_basestring as text_of
from typing import Any, Final, NamedTuple

from apps.audit.chain import FORMAT, Row
from apps.audit.macs import MAC_COLUMNS

COLUMNS: Final = (*Row._fields, "hash")
"""The order of the columns in a stored row."""

COLUMNS_AND_MAC: Final = (*COLUMNS, *MAC_COLUMNS)
"""The order of the columns in a stored row that is read with its MAC."""

StoredRow = Sequence[Any]
"""A row as returned by a raw cursor, in the order of :data:`COLUMNS` or :data:`COLUMNS_AND_MAC`."""

SEQ, VERSION, ACTION, DATA, PREVIOUS, HASH = (
    COLUMNS.index(name) for name in ("seq", "format", "action", "data", "previous_hash", "hash")
)
MAC_KEY, MAC = (COLUMNS_AND_MAC.index(name) for name in MAC_COLUMNS)

# SQLite returns 0 and 1. The portal stores no other value.
_BOOLEAN = {0: "false", 1: "true"}
_INVALID_VALUE_ERRORS = (TypeError, KeyError, ValueError)
"""The errors that :func:`canonical_text` raises for a value of a type that the portal never stores."""


def canonical_text(row: StoredRow) -> str:
    """The canonical bytes of a stored row of format 1, as text. Raises one of ``_INVALID_VALUE_ERRORS``."""
    (
        seq,
        version,
        time,
        action,
        failure,
        actor_id,
        actor_name,
        actor_roles,
        session,
        request_id,
        peer_address,
        client_address,
        submission,
        order_ref,
        consumer_ref,
        guest_ref,
        person,
        data,
        *_,
    ) = row
    return (
        f'{{"action":{text_of(action)}'
        f',"actor_id":{"null" if actor_id is None else text_of(actor_id)}'
        f',"actor_name":{text_of(actor_name)}'
        f',"actor_roles":{text_of(actor_roles)}'
        f',"client_address":{"null" if client_address is None else text_of(client_address)}'
        f',"consumer_ref":{"null" if consumer_ref is None else text_of(consumer_ref)}'
        f',"data":{text_of(data)}'
        f',"failure":{_BOOLEAN[failure]}'
        f',"format":{version}'
        f',"guest_ref":{"null" if guest_ref is None else text_of(guest_ref)}'
        f',"order_ref":{"null" if order_ref is None else text_of(order_ref)}'
        f',"peer_address":{text_of(peer_address)}'
        f',"person":{"null" if person is None else text_of(person)}'
        f',"request_id":{"null" if request_id is None else text_of(request_id)}'
        f',"seq":{seq}'
        f',"session":{"null" if session is None else text_of(session)}'
        f',"submission":{"null" if submission is None else text_of(submission)}'
        f',"time":{time}}}'
    )


def follow(rows: Sequence[StoredRow], expected: int, previous: str) -> int:
    """The number of rows, from the first on, that continue the chain; less than all if it breaks.

    ``expected``: the sequence number that the first row must have. ``previous``: the hash before it, in hex.
    """
    link, link_bytes = previous, bytes.fromhex(previous)
    good = 0
    for row in rows:
        if row[SEQ] != expected + good or row[PREVIOUS] != link or row[VERSION] != FORMAT:
            return good
        try:
            digest = sha256(link_bytes + canonical_text(row).encode())
        except _INVALID_VALUE_ERRORS:
            return good
        link_bytes, link = digest.digest(), digest.hexdigest()
        if link != row[HASH]:
            return good
        good += 1
    return good


def own_sequence(row: StoredRow, sequences: range) -> int | None:
    """The sequence number with which the row's hash was computed; None if none of ``sequences`` matches.

    Finds the original position of a moved row. The row's current number is tried first. A million numbers
    take about a second.
    """
    try:
        link = bytes.fromhex(row[PREVIOUS])
        text = canonical_text(row).encode()
    except _INVALID_VALUE_ERRORS:
        return None
    # Quotation marks inside values are escaped, so this occurs once.
    before, _, after = text.partition(b',"seq":%d,"session":' % row[SEQ])
    start = sha256(link + before + b',"seq":')
    rest = b',"session":' + after
    for seq in chain((row[SEQ],), sequences):
        attempt = start.copy()
        attempt.update(b"%d%b" % (seq, rest))
        if attempt.hexdigest() == row[HASH]:
            return int(seq)
    return None


class Rows(NamedTuple):
    """All rows of a range of sequence numbers, in order."""

    rows: Sequence[StoredRow]

    def follow(self, first: int, last: int, previous: str) -> list[str] | None:
        """The hashes of the rows; None unless they are ``first`` to ``last`` and continue the chain."""
        whole = len(self.rows) == last - first + 1 and follow(self.rows, first, previous) == len(self.rows)
        return [row[HASH] for row in self.rows] if whole else None

    def data_of(self, action: str) -> list[tuple[int, str]]:
        """Sequence number and ``data`` of each row with this action."""
        return [(row[SEQ], row[DATA]) for row in self.rows if row[ACTION] == action]

    def mac_values(self) -> tuple[list[Any], list[Any]]:
        """The ids of the MAC keys, and the MACs, of the rows."""
        return [row[MAC_KEY] for row in self.rows], [row[MAC] for row in self.rows]


class Texts(NamedTuple):
    """Like :class:`Rows`, with the canonical text of each row built by the database, one per line.

    This is faster than fetching each column. The texts need not be trusted: they are hashed, and a wrong
    text gives a wrong hash. The other columns are one comma-separated text each.
    """

    usual: object  # 1 if every row has the known format, hashes of type text, and no bytes
    sequences: str
    previous_hashes: str
    hashes: str
    mac_keys: str
    macs: str
    lines: bytes

    def follow(self, first: int, last: int, previous: str) -> list[str] | None:
        """As :meth:`Rows.follow`."""
        link = bytes.fromhex(previous)
        made = [link]
        for line in self.lines.split(b"\n"):  # JSON escapes line breaks inside values
            link = sha256(link + line).digest()
            made.append(link)
        links = b"".join(made).hex(",", len(link))
        whole = (
            self.usual == 1
            and self.sequences == ",".join(map(str, range(first, last + 1)))
            and f"{self.previous_hashes},{links[-64:]}" == links
            and f"{previous},{self.hashes}" == links
        )
        return self.hashes.split(",") if whole else None

    def data_of(self, action: str) -> list[tuple[int, str]]:
        """As :meth:`Rows.data_of`. Call only after :meth:`follow` has confirmed the lines."""
        begin = f'{{"action":{text_of(action)},'.encode()
        _, *ends = (b"\n" + self.lines).split(b"\n" + begin)
        events = [json.loads(begin + end.partition(b"\n")[0]) for end in ends]
        return [(event["seq"], event["data"]) for event in events]

    def mac_values(self) -> tuple[list[str], list[str]]:
        """As :meth:`Rows.mac_values`."""
        # A comma inside a value only gives another number of values, which is not valid either.
        return self.mac_keys.split(","), self.macs.split(",")
