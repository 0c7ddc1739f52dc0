"""What a person decides about rows: warnings that are confirmed, and rows that are released."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.db import transaction

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_ROW_RELEASED
from apps.batches.changing.held_rows import (
    NotPossible,
    RowChanged,
    held_batch,
    require_unsent,
    rows_with,
    save_row,
)
from apps.batches.changing.shown import digest_of_warnings
from apps.batches.checking.accepting import blocking_submission
from apps.batches.checking.check import recheck
from apps.batches.checking.earlier import submissions_with_content
from apps.batches.checking.entries import validated
from apps.batches.checking.findings import findings_of
from apps.batches.models import (
    Batch,
    BatchRow,
    OwnState,
    ReleaseReason,
    RowState,
)
from apps.batches.recording import event_of
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.models import Submission
from apps.core.actor import Actor

SIMILAR_REASON_OF: Final = {
    ReleaseReason.ANOTHER_PERSON: SimilarReason.NAMESAKE,
    ReleaseReason.DELETED_IN_CDP: SimilarReason.REMOVED,
    ReleaseReason.OTHER: SimilarReason.OTHER,
}
"""The reason for a similar consumer that follows from each reason for a release."""


def accept_warnings(
    batch: Batch,
    codes: Collection[str],
    similar_reason: str,
    *,
    shown: str,
    actor: Actor,
) -> None:
    """Confirm the warnings with these codes at every row that needs attention.

    ``similar_reason``: a ``SimilarReason``, needed for similar consumers and rows. ``shown``: the
    ``digest_of_warnings`` of the rows that needed attention when the person saw them. Raises
    :class:`NotChanged`.
    """
    with transaction.atomic():
        waiting = selectors.rows_in(held_batch(batch), [RowState.NEEDS_ATTENTION])
        rows = [*waiting.defer("encrypted_cells", "encrypted_values")]
        if digest_of_warnings(rows) != shown:
            raise NotPossible("other_warnings")
        for row in rows:
            _accept(row, codes, similar_reason)


def release_row(batch: Batch, row: BatchRow, reason: ReleaseReason, *, actor: Actor) -> None:
    """Send a row although its consumer was created, and check the batch again.

    ``row``: as the person saw it, with the submission that it names. The release is about that one, and about
    identical ones before it; it also confirms that they are similar. Raises :class:`NotChanged`: never
    possible while an identical submission is being sent or unknown. If the row is already sent because of
    another submission by now, or of none, it is checked again.
    """
    with transaction.atomic():
        held = held_batch(batch)
        [stored] = require_unsent(rows_with(held, [row.number]))
        if (stored.version, stored.earlier) != (row.version, row.earlier):
            raise RowChanged(row.number)
        if stored.state != OwnState.ALREADY_SENT:
            raise NotPossible("not_already_sent")
        is_released = _release(held, stored, reason, actor)
    recheck(batch)
    if not is_released:
        raise RowChanged(row.number)
    row.refresh_from_db()


def _release(batch: Batch, row: Any, reason: ReleaseReason, actor: Actor) -> bool:
    """Release a row that the transaction holds, and record it.

    False, and nothing is stored, if another submission than the one that the row names blocks it, or none
    does. Raises :class:`NotPossible` if that one is open.
    """
    same = _submissions_with_content_of(batch, row)
    blocking = blocking_submission(batch, row, same)
    if blocking is None or blocking.public_id != row.earlier:
        return False
    if blocking.is_open:
        raise NotPossible("open")
    row.released = [str(one.public_id) for one in same]
    row.release_reason = reason
    row.similar_reason = SIMILAR_REASON_OF[reason]
    row.state = OwnState.UNCHECKED
    save_row(row, "released", "release_reason", "similar_reason")
    record(event_of(BATCH_ROW_RELEASED, batch, actor, row=row.number, release_reason=reason))
    return True


def _submissions_with_content_of(batch: Batch, row: Any) -> Sequence[Submission]:
    """The submissions with the content of a row; none if it is not valid."""
    entry = validated(batch, row).entry
    return () if entry is None else submissions_with_content(batch.order_ref, [entry.to_new_consumer()])[0]


def _accept(row: Any, codes: Collection[str], similar_reason: str) -> None:
    findings = findings_of(row)
    # A row in which nothing more is asked keeps its reason.
    asked = findings.unconfirmed(frozenset(row.accepted))
    accepted = [warning for warning in asked if warning.code in codes]
    if findings.errors or not accepted:
        return
    if any(warning.needs_reason for warning in accepted):
        if similar_reason not in SimilarReason.values:
            raise NotPossible("reason_missing")
        row.similar_reason = similar_reason
    row.accepted = list(
        dict.fromkeys([*row.accepted, *(key for warning in accepted for key in warning.keys)])
    )
    lacks_reason = any(warning.needs_reason for warning in findings.warnings) and not row.similar_reason
    if not lacks_reason and not findings.unconfirmed(frozenset(row.accepted)):
        row.state = OwnState.READY
    save_row(row, "accepted", "similar_reason")
