"""What was done to the log where its chain breaks. Pure: it asks its rows of a source.

A break alone says "not what was written". Rows tell more, because each is tied to its place: its hash names
the sequence with which it was made, and its previous hash the row that it followed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from apps.audit.chain import GENESIS
from apps.audit.integrity.bulk_hashing import HASH, PREVIOUS, SEQ, StoredRow, own_sequence


class Verdict(StrEnum):
    """What a verification found. Each comes with a sequence but the first."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    INSERTED = "inserted"
    MISSING = "missing"
    REORDERED = "reordered"
    TAIL_CUT = "tail_cut"  # since the last checkpoint that still has its row
    REWRITTEN = "rewritten"  # before the checkpoint that says otherwise
    KEY_UNKNOWN = "key_unknown"  # a checkpoint of a key that is not ours
    CHECKPOINTS_DAMAGED = "checkpoints_damaged"  # lines of the file were changed, dropped or added
    HEAD_DIFFERS = "head_differs"  # the head row is not the last row; see docs/audit.md
    UNSIGNED = "unsigned"  # the chain holds, but there is no checkpoint to hold it against


class Finding(NamedTuple):
    """A verdict with the sequence that it is about."""

    verdict: Verdict
    seq: int


class Rows(Protocol):
    """Where the rows are looked up: the database, or the lines of a bundle."""

    def at(self, seq: int) -> StoredRow | None:
        """The row that stands at the sequence."""

    def after(self, hash_: str) -> list[StoredRow]:
        """The rows that name this hash as their previous one."""

    def last_sequence(self) -> int:
        """The highest sequence there is; 0 in an empty log."""


def diagnose(
    row: StoredRow, expected: int, previous: str, rows: Rows, *, first: int, head_hash: str, vouched: bool
) -> Finding:
    """Why ``row`` is not the row ``expected`` that follows ``previous``, when all rows before it were good.

    ``first`` is the sequence with which the log begins; ``head_hash`` the hash of its last row as the head
    tells it, or empty; ``vouched`` whether a checkpoint vouches for the row before.
    """
    seq = row[SEQ]
    if seq < expected:
        return Finding(Verdict.INSERTED, seq)
    everywhere = range(first, rows.last_sequence() + 2)
    genuine = [
        other
        for other in rows.after(previous)
        if other[SEQ] != expected and own_sequence(other, range(expected, expected + 1)) == expected
    ]
    if seq > expected:
        return Finding(Verdict.REORDERED if genuine else Verdict.MISSING, expected)
    own = own_sequence(row, everywhere)
    if genuine:
        moved = own is not None and own != expected
        return Finding(Verdict.REORDERED if moved else Verdict.INSERTED, expected)
    if own is None:
        return Finding(Verdict.CHANGED, expected)
    if own > expected:
        return Finding(Verdict.MISSING, expected)  # the rows behind moved up
    if own < expected:
        before = rows.at(own - 1)
        link = before[HASH] if before is not None else GENESIS
        pushed = row[PREVIOUS] == link  # the rows from there on were pushed back by forged ones
        return Finding(Verdict.INSERTED, own) if pushed else Finding(Verdict.CHANGED, expected)
    # The row agrees with itself, so either it or the one before it was written anew, hash and all. The one
    # that the row behind it does not know, either, is the changed one.
    behind = rows.at(expected + 1)
    known = behind[PREVIOUS] if behind is not None else head_hash
    before_is_wrong = known in ("", row[HASH]) and expected > first and not vouched
    return Finding(Verdict.CHANGED, expected - 1 if before_is_wrong else expected)
