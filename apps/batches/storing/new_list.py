"""Make a new batch of the rows of an earlier one that were not created."""

from __future__ import annotations

from django.db import transaction

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_UPLOADED
from apps.batches.changing.held_rows import NotPossible, held_batch
from apps.batches.checking.exchanged_dates import finding_about
from apps.batches.models import Batch, BatchRow, BatchState, SourceKind
from apps.batches.recording import event_of
from apps.batches.storing.stored_table import require_readable
from apps.core import clock
from apps.core.actor import Actor


def make_new_list(batch: Batch, *, actor: Actor) -> Batch:
    """Store a new batch of ``rows_for_new_list``, with their numbers, values and cells. It is to be checked.

    Raises :class:`NotChanged`, ``MissingKeyError``, and ``NotReadableError`` if one of these rows cannot be
    read: the copy would be empty.
    """
    with transaction.atomic():
        held = held_batch(batch, ended=True)
        rows = [*selectors.rows_for_new_list(held)]
        if not rows:
            raise NotPossible("no_rows")
        require_readable(held, rows)
        again = Batch(
            author_id=actor.id,
            author_name=actor.name,
            created_at=clock.now(),
            order_ref=held.order_ref,
            order_number=held.order_number,
            state=BatchState.CHECKED,
            source=SourceKind.ROWS,
            # The other findings are about the whole file, and decide about no row.
            findings=finding_about(held, {row.number for row in rows}),
            header_row=held.header_row,
            targets=held.targets,
            date_order=held.date_order,
            replaces=held,
        )
        again.headers = held.headers
        again.save(force_insert=True)
        BatchRow.objects.bulk_create([_copy(row, again) for row in rows])
        record(
            event_of(
                BATCH_UPLOADED,
                again,
                actor,
                rows=len(rows),
                source=again.source,
                replaces=str(held.public_id),
            )
        )
    return again


def _copy(row: BatchRow, batch: Batch) -> BatchRow:
    copied = BatchRow(batch=batch, number=row.number)
    if (cells := row.cells) is not None:
        copied.cells = cells
    if (values := row.values) is not None:
        copied.values = values
    return copied
