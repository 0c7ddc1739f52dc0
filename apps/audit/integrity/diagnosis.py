"""Diagnose how the log was altered at a break of its chain. Pure functions over a :class:`RowSource`.

Each row is tied to its position: its hash includes its sequence number, and its previous hash identifies the
row before it. This distinguishes changed, inserted, missing and reordered rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from apps.audit.chain import GENESIS
from apps.audit.integrity.bulk_hashing import HASH, PREVIOUS, SEQ, StoredRow, own_sequence


class Verdict(StrEnum):
    """The result of a verification. All except ``UNCHANGED`` and ``UNSIGNED`` refer to a sequence number."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    INSERTED = "inserted"
    MISSING = "missing"
    REORDERED = "reordered"
    TAIL_CUT = "tail_cut"  # of the rows after the last checkpoint that has its row, some or all are missing
    REWRITTEN = "rewritten"  # before a checkpoint with a different hash
    KEY_UNKNOWN = "key_unknown"  # a checkpoint was signed with an unknown key
    CHECKPOINTS_DAMAGED = "checkpoints_damaged"  # lines of the file were changed, dropped or added
    HEAD_DIFFERS = "head_differs"  # the head row does not match the last row; see docs/audit.md
    WRITTEN_PAST_PORTAL = "written_past_portal"  # the chain is intact there, but the row has no valid MAC
    MAC_KEY_UNKNOWN = "mac_key_unknown"  # the row's MAC names a key that this process does not have
    UNSIGNED = "unsigned"  # the chain is intact, but there is no checkpoint to compare it with


class Finding(NamedTuple):
    """A verdict with the sequence number that it refers to."""

    verdict: Verdict
    seq: int


class RowSource(Protocol):
    """Source of rows for the diagnosis: the database, or the lines of a proof."""

    def at(self, seq: int) -> StoredRow | None:
        """The row with this sequence number."""

    def after(self, hash_: str) -> list[StoredRow]:
        """The rows with this previous hash."""

    def last_sequence(self) -> int:
        """The highest sequence number; 0 in an empty log."""

    def count(self) -> int:
        """The number of rows."""


def diagnose(
    row: StoredRow,
    expected: int,
    previous: str,
    rows: RowSource,
    *,
    first: int,
    head_hash: str,
    previous_is_signed: bool,
) -> Finding:
    """Why ``row`` is not row number ``expected`` after the hash ``previous``. All earlier rows are intact.

    ``first``: the first sequence number of the log. ``head_hash``: the hash in the head row if ``expected``
    is the last row, otherwise empty. ``previous_is_signed``: whether a checkpoint covers the row before.
    """
    seq = row[SEQ]
    if seq < expected:
        return Finding(Verdict.INSERTED, seq)
    originals = [
        other
        for other in rows.after(previous)
        if other[SEQ] != expected and own_sequence(other, range(expected, expected + 1)) == expected
    ]
    if seq > expected:
        return Finding(Verdict.REORDERED if originals else Verdict.MISSING, expected)
    # A single row can have any number, which must not decide how many are tried.
    end = min(rows.last_sequence() + 2, expected + rows.count() + 2)
    own = own_sequence(row, range(first, end))
    if originals:
        moved = own is not None and own != expected
        return Finding(Verdict.REORDERED if moved else Verdict.INSERTED, expected)
    if own is None:
        return Finding(Verdict.CHANGED, expected)
    if own > expected:
        return Finding(Verdict.MISSING, expected)  # later rows were renumbered
    if own < expected:
        before = rows.at(own - 1)
        expected_link = before[HASH] if before is not None else GENESIS
        # If the link fits, forged rows were inserted and the later ones renumbered.
        was_renumbered = row[PREVIOUS] == expected_link
        return Finding(Verdict.INSERTED, own) if was_renumbered else Finding(Verdict.CHANGED, expected)
    # The row is consistent in itself, so it or the row before it was rewritten including its hash. If the
    # next row links to this row's hash, the row before was changed.
    next_row = rows.at(expected + 1)
    known_hash = next_row[PREVIOUS] if next_row is not None else head_hash
    before_is_wrong = known_hash in ("", row[HASH]) and expected > first and not previous_is_signed
    return Finding(Verdict.CHANGED, expected - 1 if before_is_wrong else expected)
