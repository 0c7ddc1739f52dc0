"""Which MACs are valid at which row, for the verification of many rows and of single events.

A former key may have become known to others. So its MACs are valid only up to the last signed checkpoint:
these rows were verified before they were signed. Rows that were acknowledged as written past the portal need
no MAC: the event that names them has one, and its hash covers them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from django.conf import settings

from apps.audit.audit_events import AUDIT_ACKNOWLEDGED
from apps.audit.chain import Row, row_hash
from apps.audit.integrity.bulk_hashing import HASH, MAC, MAC_KEY, SEQ, StoredRow
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.own_checkpoints import last_own_checkpoint
from apps.audit.macs import mac_keys
from apps.audit.models import AuditEvent
from apps.core.runs import read_runs

_NOTHING: Final[frozenset[int]] = frozenset()


class ValidMacs:
    """The rule for one verification.

    ``covered``: the last sequence number that a valid checkpoint covers; 0 if there is none.
    ``acknowledged``: the sequence numbers of rows that need no valid MAC.
    """

    def __init__(self, covered: int, acknowledged: Collection[int] = _NOTHING) -> None:
        self.present = mac_keys(settings.AUDIT_MAC_KEYS)
        self.every = mac_keys((*settings.AUDIT_MAC_KEYS, *settings.AUDIT_FORMER_MAC_KEYS))
        self.covered = covered
        self.acknowledged = frozenset(acknowledged)

    def are_valid(
        self, first: int, hashes: Sequence[str], key_ids: Sequence[Any], macs: Sequence[Any]
    ) -> bool:
        """Whether the rows from number ``first`` on have valid MACs. Their hashes must have been verified."""
        count = len(hashes)
        if not count == len(key_ids) == len(macs):
            return False
        skipped = self.acknowledged and self.acknowledged.intersection(range(first, first + count))
        if skipped:
            kept = [index for index in range(count) if first + index not in skipped]
            hashes, key_ids, macs = ([values[index] for index in kept] for values in (hashes, key_ids, macs))
            older = sum(first + index <= self.covered for index in kept)
        else:
            older = min(max(self.covered - first + 1, 0), count)
        if self.every is self.present:
            older = 0
        return self.every.are_valid(hashes[:older], key_ids[:older], macs[:older]) and self.present.are_valid(
            hashes[older:], key_ids[older:], macs[older:]
        )

    def count_valid(self, rows: Sequence[StoredRow]) -> int:
        """The number of successive rows, from the first on, that have a valid MAC, as :meth:`are_valid`."""
        values = [row[HASH] for row in rows], [row[MAC_KEY] for row in rows], [row[MAC] for row in rows]
        if not rows or self.are_valid(rows[0][SEQ], *values):
            return len(rows)
        return next(n for n, row in enumerate(rows) if not self.is_valid(row))

    def is_valid(self, row: StoredRow) -> bool:
        """Whether a row has a valid MAC, as :meth:`are_valid`."""
        return self.are_valid(row[SEQ], [row[HASH]], [row[MAC_KEY]], [row[MAC]])

    def is_unknown(self, key_id: object) -> bool:
        """Whether the id looks like that of a key, but of none that this process has."""
        return self.every.is_unknown(key_id)


def last_signed_sequence() -> int:
    """The last row that a valid checkpoint of this machine's file covers; 0 if none. Raises ``OSError``."""
    last = last_own_checkpoint()
    return last.seq if last else 0


def is_genuine(event: AuditEvent) -> bool:
    """Whether the event has its own hash and a valid MAC of it, as :func:`verdict_of`."""
    return verdict_of(event) is Verdict.UNCHANGED


def verdict_of(event: AuditEvent) -> Verdict:
    """``UNCHANGED`` for its own hash and a valid MAC of it; otherwise what is wrong with the event alone.

    The file of checkpoints is read only for an event under a former key. Without the file its MAC is not
    valid.
    """
    if not _has_own_hash(event):
        return Verdict.CHANGED
    macs = ValidMacs(0)
    if macs.is_unknown(event.mac_key):
        return Verdict.MAC_KEY_UNKNOWN
    if macs.present.is_unknown(event.mac_key):
        with suppress(OSError):
            macs = ValidMacs(last_signed_sequence())
    return Verdict.UNCHANGED if _has_valid_mac(event, macs) else Verdict.WRITTEN_PAST_PORTAL


class GenuineEvents:
    """Whether single events are as the portal recorded them, for many of them: as :func:`is_genuine`.

    The keys and the file of checkpoints are read once. An event that was acknowledged as written past the
    portal is not genuine.
    """

    def __init__(self) -> None:
        covered = 0
        with suppress(OSError):
            covered = last_signed_sequence()
        self._macs = ValidMacs(covered)

    def __call__(self, event: AuditEvent) -> bool:
        """Whether the event has its own hash and a valid MAC of it."""
        return _has_own_hash(event) and _has_valid_mac(event, self._macs)


def _has_own_hash(event: AuditEvent) -> bool:
    """Whether the stored hash is that of the event's values."""
    try:
        return row_hash(Row._make(getattr(event, name) for name in Row._fields)) == event.hash
    except (ValueError, TypeError):  # no portal stores such values
        return False


def _has_valid_mac(event: AuditEvent, macs: ValidMacs) -> bool:
    """Whether the MAC of the event's hash is valid. The hash must have been verified."""
    return macs.are_valid(event.seq, [event.hash], [event.mac_key], [event.mac])


def acknowledged_rows() -> frozenset[int]:
    """The sequence numbers of all rows that were acknowledged as written past the portal.

    A row is acknowledged by a later event with a valid MAC, whose hash covers the row.
    """
    events = AuditEvent.objects.filter(action=AUDIT_ACKNOWLEDGED.name).order_by("seq")
    return frozenset(
        seq
        for event in events
        if is_genuine(event)
        for first, last in read_runs(event.details.get("events") or ())
        for seq in range(first, min(last, event.seq - 1) + 1)
    )
