"""Compare the log with a checkpoint that was stored elsewhere, such as one that the worker printed.

The file of checkpoints on the portal's machine can be lost, or cut together with the end of the log. A copy
of a line, stored where the portal cannot change it, shows that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from django.conf import settings

from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import HASH
from apps.audit.integrity.checkpoints import Checkpoint
from apps.audit.integrity.diagnosis import Verdict
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


def read_expected(text: str) -> Checkpoint:
    """The last checkpoint in the lines of a text. Raises :class:`UnusableCheckpointError`."""
    lines = (line.strip().encode() for line in text.splitlines())
    found = [checkpoint for line in lines if (checkpoint := checkpoints.parse(line))]
    if not found:
        raise UnusableCheckpointError("it is not a line of a file of checkpoints")
    keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
    if found[-1].key not in keys:
        raise UnusableCheckpointError(f"the key with the id {found[-1].key} is not one of this portal")
    if not found[-1].is_signed_by(keys[found[-1].key]):
        raise UnusableCheckpointError("its signature is not valid")
    return found[-1]


def verify_expecting(
    expected: Checkpoint, *, report: Callable[[Progress], object] = lambda progress: None
) -> tuple[Result, Comparison]:
    """Verify the whole log, and that it contains the row of a valid checkpoint.

    If it does not, the verdict is ``tail_cut`` or ``rewritten``, unless another alteration was found. If this
    machine has no checkpoint, the expected one counts. Raises ``OSError`` and the database's errors.
    """
    keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
    own = checkpoints.last_valid(settings.AUDIT_CHECKPOINT_FILE, keys)
    later_beginning = expected.first > (own[1].first if own else 1)
    result = verify(beginning=expected.beginning if later_beginning else None, report=report)
    if result.verdict not in ROWS_INTACT:
        return result, Comparison.NOT_COMPARED
    if expected.seq > result.last:
        return replace(result, verdict=Verdict.TAIL_CUT, seq=result.last + 1), Comparison.DIFFERENT
    if expected.seq < result.first:
        return result, Comparison.REMOVED
    row = StoredRows().at(expected.seq)
    if row is None or row[HASH] != expected.hash:
        rewritten = replace(result, verdict=Verdict.REWRITTEN, seq=expected.seq, checkpoint=expected.seq)
        return rewritten, Comparison.DIFFERENT
    if result.verdict is Verdict.UNSIGNED:
        result = replace(result, verdict=Verdict.UNCHANGED, checkpoint=expected.seq)
    return result, Comparison.CONTAINED
