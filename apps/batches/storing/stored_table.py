"""The stored rows of a batch as the table that they came from, and what has changed in them since."""

from __future__ import annotations

from collections.abc import Iterable

from apps.batches.models import Batch, BatchRow, OwnState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, Table, TableRow
from apps.batches.storing.contents import values_of
from apps.core import personal_data


def table_of(batch: Batch) -> Table:
    """The stored rows of a batch as a table, for the page that asks for its columns.

    Its headers are a row again. A row that cannot be decrypted has blank cells.
    """
    stored = [(row.number, row.cells or ()) for row in batch.rows.order_by("number")]
    if batch.header_row is not None:
        stored.insert(0, (batch.header_row, batch.headers))
    width = max((len(cells) for _number, cells in stored), default=0)
    rows = (TableRow(number, cells + ("",) * (width - len(cells))) for number, cells in stored)
    findings = tuple(Finding(FindingCode(one["code"]), one["count"], one["detail"]) for one in batch.findings)
    return Table(SourceKind(batch.source), tuple(rows), findings)


def require_readable(batch: Batch, rows: Iterable[BatchRow]) -> None:
    """Check that the headers of the batch and these rows can be decrypted. Raises ``NotReadableError``."""
    personal_data.text(batch, "encrypted_headers")
    for row in rows:
        personal_data.text(row, "encrypted_cells")
        personal_data.text(row, "encrypted_values")


def count_changed(batch: Batch) -> int:
    """How many rows a person has corrected, left out or decided about since the columns were chosen.

    Without those that cannot be read.
    """
    rows = [row for row in batch.rows.all() if row.values is not None and row.cells is not None]
    cells = {row.number: row.cells or () for row in rows}
    derived = values_of(batch, cells)
    return sum(_is_decided(row) or row.values != derived[row.number] for row in rows)


def _is_decided(row: BatchRow) -> bool:
    return row.state == OwnState.LEFT_OUT or bool(row.accepted or row.released)
