"""Store a table as a batch: its rows encrypted, in one transaction with the event."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.audit.recording import record
from apps.batches.audit_events import BATCH_UPLOADED
from apps.batches.columns.headers import header_index
from apps.batches.columns.matching import Choice, SplitTable, split
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.models import Batch, BatchRow
from apps.batches.reading.table import Table
from apps.batches.recording import event_of
from apps.batches.storing.contents import (
    chosen_parts,
    column_findings,
    new_row,
    set_columns,
    set_values,
    stored_finding,
)
from apps.core import clock
from apps.core.actor import Actor
from apps.core.references import stored_order_number


def create_batch(
    table: Table,
    choice: Choice | None,
    *,
    providers: tuple[str, ...],
    order_ref: str,
    order_number: str,
    actor: Actor,
    replaces: Batch | None = None,
) -> Batch:
    """Store the table as a batch of this order, without the columns of a result file.

    With a ``choice`` the row of headers is not among the rows, and each row has its values; the rows are to
    be checked next. Without one, all rows of the table are stored; :func:`.columns.choose_columns` is next.
    ``providers``: the identifier providers that the choice was made from; one of them may be removed since.

    Raises :class:`ColumnsNotStored` for a choice that leaves questions open, ``NotReadable`` for a table
    without people, :class:`TooManyPeople`, ``ValueError`` for a choice of another table, and
    ``MissingKeyError``. Nothing is stored then.
    """
    table = without_own_columns(table)
    if choice is None:
        expected = split(table, has_headers=header_index(table) is not None)
        parts = SplitTable((), None, table.rows)
        people = len(expected.rows)
    else:
        parts = chosen_parts(table, choice, providers)
        people = len(parts.rows)
    batch = Batch(
        author_id=int(actor.id),
        author_name=actor.name,
        created_at=clock.now(),
        order_ref=order_ref,
        order_number=stored_order_number(order_number),
        source=table.source,
        replaces=replaces,
        findings=[*map(stored_finding, table.findings), *column_findings(table.source, parts, choice)],
    )
    if choice is not None:
        set_columns(batch, parts, choice)
    rows = [new_row(batch, row) for row in parts.rows]
    if choice is not None:
        set_values(batch, rows, parts)
    with transaction.atomic():
        batch.save(force_insert=True)
        BatchRow.objects.bulk_create(rows)
        replaced = str(replaces.public_id) if replaces else ""
        facts: dict[str, Any] = {"rows": people, "source": batch.source, "replaces": replaced}
        record(event_of(BATCH_UPLOADED, batch, actor, **facts))
    return batch
