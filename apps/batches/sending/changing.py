"""What a person changes in the rows of a list: corrections, decisions, rows that are sent again.

Rows that were not sent are their author's own unsent text, as drafts are: correcting them, leaving them out
and confirming warnings change no fact, and the confirmation of the list records what was overridden. Each
change is one transaction that holds the batch, as the transaction before a send does: a row is changed or
sent, never both. The other rows are checked again afterwards, because warnings compare them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import transaction

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_ROW_RELEASED, BATCH_UPLOADED
from apps.batches.checking.accepting import row_of_key, undecided
from apps.batches.checking.check import recheck
from apps.batches.checking.earlier import is_open, same_content
from apps.batches.checking.entries import validated
from apps.batches.checking.findings import Findings
from apps.batches.models import (
    ENDED_STATES,
    FINAL_STATES,
    Batch,
    BatchRow,
    BatchState,
    OwnState,
    ReleaseReason,
    RowState,
    SourceKind,
)
from apps.batches.recording import event_of
from apps.batches.sending.shown import digest_of_warnings
from apps.batches.sending.storing import require_readable
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.forms.consumer import ConsumerForm
from apps.consumers.forms.lists import LISTS
from apps.consumers.models import CORRECTABLE_OUTCOMES, Submission
from apps.consumers.sending.warnings import SIMILAR
from apps.core import clock, personal_data
from apps.core.actor import Actor

SIMILAR_REASON_OF: Final = {
    ReleaseReason.ANOTHER_PERSON: SimilarReason.NAMESAKE,
    ReleaseReason.DELETED_IN_CDP: SimilarReason.REMOVED,
    ReleaseReason.OTHER: SimilarReason.OTHER,
}
"""A released row is like the consumer that was created: the reason for both is one decision."""
_CORRECTED: Final = (
    "token",
    "encrypted_values",
    "encrypted_findings",
    "accepted",
    "similar_reason",
    "release_reason",
    "released",
    "earlier",
)
_FIELDS: Final = frozenset(ConsumerForm.base_fields) - {"token"}


class NotChanged(Exception):
    """Nothing was changed."""


class RowChanged(NotChanged):
    """A row is being sent, was sent, or has changed since the person saw it. ``number``: of the row."""

    def __init__(self, number: int) -> None:
        super().__init__("The row has changed meanwhile")
        self.number = number


class NotPossible(NotChanged):
    """The state does not allow it.

    ``code``: ``stopped``, ``erased``, ``not_matched``, ``not_ended``, ``nothing_failed``, ``no_such_row``,
    ``reason_missing``, ``not_already_sent``, ``open`` or ``other_warnings`` than were shown.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def correct_row(batch: Batch, row: BatchRow, values: Mapping[str, str], *, actor: Actor) -> None:
    """Replace the values of a row, flat as the form's, and check the batch again. It is not left out then.

    ``row``: as the person saw it, with its version. A row with an outcome that proves that no consumer was
    created gets a new token. What was confirmed about similar rows is to be confirmed again. Raises
    :class:`NotChanged`, and ``MissingKeyError``.
    """
    with transaction.atomic():
        held = _held(batch)
        stored = _rows(held, [row.number])[0]
        if stored.version != row.version:
            raise RowChanged(row.number)
        _renew(stored)
        stored.values = {name: value for name, value in values.items() if _is_of_the_form(name)}
        kept = [
            key for key in stored.accepted if row_of_key(key) is None and not key.startswith(f"{SIMILAR}:")
        ]
        stored.accepted, stored.similar_reason = kept, ""
        stored.release_reason, stored.released, stored.earlier = "", [], None
        stored.state, stored.encrypted_findings = OwnState.UNCHECKED, b""
        _save(stored, *_CORRECTED)
        _ask_again(held, stored.number)
    recheck(batch)
    row.refresh_from_db()


def leave_out(batch: Batch, numbers: Iterable[int], *, actor: Actor) -> None:
    """Leave out the rows with these numbers, which have not been sent. Raises :class:`NotChanged`."""
    with transaction.atomic():
        for row in _unsent(_held(batch), numbers):
            if row.state != OwnState.LEFT_OUT:
                row.state = OwnState.LEFT_OUT
                _save(row)
    recheck(batch)


def take_back_in(batch: Batch, numbers: Iterable[int], *, actor: Actor) -> None:
    """Check these rows again, which were left out. Raises :class:`NotChanged`."""
    with transaction.atomic():
        for row in _unsent(_held(batch), numbers):
            if row.state == OwnState.LEFT_OUT:
                row.state = OwnState.UNCHECKED
                _save(row)
    recheck(batch)


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
        waiting = selectors.rows_in(_held(batch), [RowState.NEEDS_ATTENTION])
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
        held = _held(batch)
        [stored] = _unsent(held, [row.number])
        if (stored.version, stored.earlier) != (row.version, row.earlier):
            raise RowChanged(row.number)
        if stored.state != OwnState.ALREADY_SENT:
            raise NotPossible("not_already_sent")
        same = _same_content(held, stored)
        blocking = undecided(held, stored, same)
        is_as_seen = blocking is not None and blocking.public_id == stored.earlier
        if is_as_seen and blocking is not None:
            if is_open(blocking):
                raise NotPossible("open")
            stored.released = [str(one.public_id) for one in same]
            stored.release_reason = ReleaseReason(reason)
            stored.similar_reason = SIMILAR_REASON_OF[ReleaseReason(reason)]
            stored.state = OwnState.UNCHECKED
            _save(stored, "released", "release_reason", "similar_reason")
            facts = {"row": stored.number, "release_reason": stored.release_reason}
            record(event_of(BATCH_ROW_RELEASED, held, actor, **facts))
    recheck(batch)
    if not is_as_seen:
        raise RowChanged(row.number)
    row.refresh_from_db()


def send_again(batch: Batch, numbers: Iterable[int], *, actor: Actor) -> None:
    """Give these rows a new token and check them: their outcome proves that no consumer was created.

    Raises :class:`NotChanged`.
    """
    with transaction.atomic():
        for row in _rows(_held(batch), numbers):
            if row.current not in CORRECTABLE_OUTCOMES:
                raise RowChanged(row.number)
            _renew(row)
            row.state = OwnState.UNCHECKED
            _save(row, "token")
    recheck(batch)


def rows_again(batch: Batch, *, actor: Actor) -> Batch:
    """A new batch of the rows that failed, with their numbers, values and uploaded cells; to be checked.

    Of a stopped batch, also the rows that were not sent, except for those that its author had left out.

    Raises :class:`NotChanged`, ``MissingKeyError``, and ``NotReadableError`` if one of these rows cannot be
    read: the copy would be empty.
    """
    with transaction.atomic():
        held = _held(batch, ended=True)
        failed = [*selectors.rows_for_new_list(held)]
        if not failed:
            raise NotPossible("nothing_failed")
        require_readable(held, failed)
        again = Batch(
            author_id=actor.id,
            author_name=actor.name,
            created_at=clock.now(),
            order_ref=held.order_ref,
            order_number=held.order_number,
            state=BatchState.CHECKED,
            source=SourceKind.ROWS,
            header_row=held.header_row,
            targets=held.targets,
            date_order=held.date_order,
            replaces=held,
        )
        again.headers = held.headers
        again.save(force_insert=True)
        BatchRow.objects.bulk_create([_copy(row, again) for row in failed])
        record(
            event_of(
                BATCH_UPLOADED,
                again,
                actor,
                rows=len(failed),
                source=again.source,
                replaces=str(held.public_id),
            )
        )
    return again


def _held(batch: Batch, *, ended: bool = False) -> Batch:
    """The batch, held until the commit. ``ended``: whether it has to be over; else it must not be stopped."""
    held = Batch.objects.select_for_update().get(pk=batch.pk)
    if held.erased_at is not None:
        raise NotPossible("erased")
    if ended and held.state not in ENDED_STATES:
        raise NotPossible("not_ended")
    if not ended and held.state in FINAL_STATES:
        raise NotPossible("stopped")
    if held.state == BatchState.MATCHING:
        raise NotPossible("not_matched")
    return held


def _rows(batch: Batch, numbers: Iterable[int]) -> list[Any]:
    """The rows with these numbers, each with its state as ``current``."""
    wanted = set(numbers)
    found = list(selectors.rows_of(batch).filter(number__in=wanted))
    if len(found) != len(wanted):
        raise NotPossible("no_such_row")
    return found


def _unsent(batch: Batch, numbers: Iterable[int]) -> list[Any]:
    """Those of :func:`_rows`, none of which has a submission."""
    found = _rows(batch, numbers)
    for row in found:
        if row.current not in OwnState.values:
            raise RowChanged(row.number)
    return found


def _renew(row: Any) -> None:
    """Give a row a new token if its outcome proves that no consumer was created."""
    if row.current in CORRECTABLE_OUTCOMES:
        row.token = uuid.uuid4()
    elif row.current not in OwnState.values:
        raise RowChanged(row.number)


def _same_content(batch: Batch, row: Any) -> Sequence[Submission]:
    """The submissions with the content of a row; none if it is not valid."""
    entry = validated(batch, row).entry
    return () if entry is None else same_content(batch.order_ref, [entry.to_new_consumer()])[0]


def _ask_again(batch: Batch, number: int) -> None:
    """What was confirmed about the row with this number is confirmed no longer: its data are others now."""
    for row in batch.rows.exclude(accepted=[]).only("accepted", "version"):
        kept = [key for key in row.accepted if row_of_key(key) != number]
        if kept != row.accepted:
            row.accepted = kept
            _save(row, "accepted", state=False)


def _accept(row: Any, codes: Collection[str], similar_reason: str) -> None:
    findings = Findings.from_json(personal_data.readable_text(row, "encrypted_findings"))
    accepted = [warning for warning in findings.warnings if warning.code in codes]
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
    _save(row, "accepted", "similar_reason")


def _save(row: BatchRow, *columns: str, state: bool = True) -> None:
    """Store these columns, by default with the state, as another version of the row."""
    row.version += 1
    row.save(update_fields=[*columns, "version", *(["state"] if state else [])])


def _copy(row: BatchRow, batch: Batch) -> BatchRow:
    copied = BatchRow(batch=batch, number=row.number)
    if (cells := row.cells) is not None:
        copied.cells = cells
    if (values := row.values) is not None:
        copied.values = values
    return copied


def _is_of_the_form(name: str) -> bool:
    return name in _FIELDS or name.partition("-")[0] in LISTS
