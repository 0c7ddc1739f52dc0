"""Compare the log with a checkpoint that was stored elsewhere, such as one that the worker printed.

The file of checkpoints on the portal's machine can be lost, or cut together with the end of the log. A copy
of a line, stored where the portal cannot change it, shows that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import HASH
from apps.audit.integrity.checkpoints import Checkpoint
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.own_checkpoints import last_own_checkpoint, own_keys
from apps.audit.integrity.stored_rows import StoredRows
from apps.audit.integrity.verification import ROWS_INTACT, Progress, Result, verify


class UnusableCheckpointError(ValueError):
    """The text contains no checkpoint, or one that no key of this portal has signed."""


class Comparison(StrEnum):
    """Whether the log contains the row of the expected checkpoint, with its hash."""

    CONTAINED = "contained"
    DIFFERENT = "different"  # the end of the log is missing, or the log was rewritten
    REMOVED = "removed"  # the row is no longer stored, because the oldest events were removed
    NOT_COMPARED = "not_compared"  # the rows were altered before it


def read_expected(text: str) -> list[Checkpoint]:
    """The checkpoints in the lines of a text, by their sequence number; other lines are skipped.

    Raises :class:`UnusableCheckpointError` if there is none, or if no key of this portal signed one of them.
    """
    lines = (line.strip().encode() for line in text.splitlines())
    found = [checkpoint for line in lines if (checkpoint := checkpoints.parse(line))]
    if not found:
        raise UnusableCheckpointError("it is not a line of a file of checkpoints")
    keys = own_keys()
    for checkpoint in found:
        if checkpoint.key not in keys:
            raise UnusableCheckpointError(f"the key with the id {checkpoint.key} is not one of this portal")
        if not checkpoint.is_signed_by(keys[checkpoint.key]):
            raise UnusableCheckpointError(f"the signature at event {checkpoint.seq} is not valid")
    return sorted(found, key=lambda checkpoint: checkpoint.seq)


def verify_expecting(
    expected: Sequence[Checkpoint], *, report: Callable[[Progress], object] = lambda progress: None
) -> tuple[Result, Checkpoint, Comparison]:
    """Verify the whole log, and that it contains the row of each of these valid checkpoints.

    Returns the first checkpoint that the log does not contain, otherwise the last one. If one is not
    contained, the verdict is ``tail_cut`` or ``rewritten``, unless another alteration was found. If this
    machine has no checkpoint, the expected ones count. Raises ``OSError`` and the database's errors.
    """
    last = expected[-1]
    own = last_own_checkpoint()
    later_beginning = last.first > (own.first if own else 1)
    beginning = last.beginning if later_beginning else None
    result = verify(beginning=beginning, elsewhere=last, report=report)
    if result.verdict not in ROWS_INTACT:
        return result, last, Comparison.NOT_COMPARED
    stored = StoredRows()
    for checkpoint in expected:
        if checkpoint.seq > result.last:
            cut = replace(result, verdict=Verdict.TAIL_CUT, seq=result.last + 1)
            return cut, checkpoint, Comparison.DIFFERENT
        if checkpoint.seq < result.first:
            continue
        row = stored.at(checkpoint.seq)
        if row is None or row[HASH] != checkpoint.hash:
            seq = checkpoint.seq
            rewritten = replace(result, verdict=Verdict.REWRITTEN, seq=seq, checkpoint=seq)
            return rewritten, checkpoint, Comparison.DIFFERENT
    if last.seq < result.first:
        return result, last, Comparison.REMOVED
    if result.verdict is Verdict.UNSIGNED:
        result = replace(result, verdict=Verdict.UNCHANGED, checkpoint=last.seq)
    return result, last, Comparison.CONTAINED
