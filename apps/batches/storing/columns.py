"""Choose the columns of a batch, also again: the values of its rows follow them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from apps.audit.recording import record
from apps.batches.audit_events import BATCH_COLUMNS_CHOSEN
from apps.batches.changing.shown import digest_of_rows
from apps.batches.columns.matching import Choice
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, SourceKind
from apps.batches.reading.table import FindingCode
from apps.batches.recording import event_of
from apps.batches.storing.contents import (
    ColumnsNotStored,
    chosen_parts,
    column_findings,
    new_row,
    set_columns,
    set_values,
)
from apps.batches.storing.stored_table import require_readable, table_of
from apps.consumers.selectors import providers as offered_providers
from apps.core.actor import Actor

_DECIDED: Final = (
    "version",
    "state",
    "encrypted_findings",
    "accepted",
    "similar_reason",
    "earlier",
    "earlier_differs",
    "released",
    "release_reason",
)


def choose_columns(batch: Batch, choice: Choice, *, actor: Actor, shown: str = "") -> Batch:
    """Store the fields of the columns of a batch, and the values of its rows.

    ``shown``: for a batch whose columns were chosen before, the ``digest_of_rows`` of all its rows as the
    person saw them. What was corrected, left out or confirmed in them is lost; they are to be checked next.

    Raises what :func:`.upload.create_batch` raises, :class:`ColumnsNotStored` if the columns cannot be chosen
    any more, or its rows are others than were shown, and ``NotReadableError`` if a row cannot be read: it
    would be stored without its values.
    """
    providers = offered_providers()
    with transaction.atomic():
        batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        _require_choosable(batch, shown)
        require_readable(batch, batch.rows.all())
        table = table_of(batch)
        parts = chosen_parts(table, choice, providers)
        set_columns(batch, parts, choice)
        kept = [one for one in batch.findings if one["code"] != FindingCode.DATES_MAY_BE_EXCHANGED]
        batch.findings = [*kept, *column_findings(table.source, parts, choice)]
        batch.checked_at = batch.refs_at_check = None
        batch.rows.exclude(number__in=[row.number for row in parts.rows]).delete()
        stored = {*batch.rows.values_list("number", flat=True)}
        BatchRow.objects.bulk_create(new_row(batch, row) for row in parts.rows if row.number not in stored)
        rows = [*batch.rows.all()]
        set_values(batch, rows, parts)
        if shown:
            _forget_decisions(rows)
        BatchRow.objects.bulk_update(rows, ["encrypted_values", *(_DECIDED if shown else ())])
        batch.save()
        record(event_of(BATCH_COLUMNS_CHOSEN, batch, actor, rows=len(rows)))
    return batch


def columns_may_change(batch: Batch) -> bool:
    """Whether the columns may be chosen again: nothing was confirmed, and the rows are those of a file."""
    is_of_file = batch.source != SourceKind.ROWS
    return is_of_file and batch.state == BatchState.CHECKED and batch.erased_at is None


def _require_choosable(batch: Batch, shown: str) -> None:
    """Raise :class:`ColumnsNotStored` if the columns were chosen, unless these rows were shown with them."""
    if batch.state == BatchState.MATCHING and batch.erased_at is None and not shown:
        return
    rows = batch.rows.order_by("number").only("number", "version")
    if not (shown and columns_may_change(batch) and digest_of_rows(rows) == shown):
        raise ColumnsNotStored


def _forget_decisions(rows: Iterable[BatchRow]) -> None:
    """Make the rows as they are after an upload, as other versions."""
    for row in rows:
        row.version += 1
        row.state, row.encrypted_findings = OwnState.UNCHECKED, b""
        row.accepted, row.similar_reason = [], ""
        row.earlier, row.earlier_differs = None, False
        row.released, row.release_reason = [], ""
