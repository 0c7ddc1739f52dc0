"""The columns that the portal's own result file adds to the uploaded ones, and how they are recognised.

They are removed from a table that is uploaded again, so that the corrected file has the columns of the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.batches.models import RowState
from apps.batches.reading.table import Table, TableRow
from apps.core.export.csv_cells import protect, restore
from apps.core.references import NoReference, RecordKind, is_link, reference_in_link

STATE, REFERENCE, REASON, RECEIPT = _("State"), _("Reference"), _("Reason"), _("Receipt")
OWN_HEADERS: Final = (STATE, REFERENCE, REASON, RECEIPT)
_COUNT: Final = len(OWN_HEADERS)


def without_own_columns(table: Table) -> Table:
    """The table without the columns of a result file, with the cells as they were uploaded.

    The same table if it has no such columns: they are its last four filled ones, with our headers in our
    order, or without headers with a state in each row and nothing but receipts in the last.
    """
    width = max((_filled_width(row.cells) for row in table.rows), default=0)
    if width <= _COUNT or not _has_own_columns([row.cells[width - _COUNT : width] for row in table.rows]):
        return table
    rows = (TableRow(row.number, tuple(map(_restored, row.cells[: width - _COUNT]))) for row in table.rows)
    # A row without a person, such as one that has lost all its cells, is no row any more.
    kept = tuple(row for row in rows if any(cell.strip() for cell in row.cells))
    return replace(table, rows=kept) if kept else table


def _filled_width(cells: tuple[str, ...]) -> int:
    """The number of cells up to the last that is not blank."""
    return max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _has_own_columns(rows: list[tuple[str, ...]]) -> bool:
    headers = tuple(map(str, OWN_HEADERS))
    if any(tuple(cell.strip() for cell in row) == headers for row in rows):
        return True
    states = {str(label) for label in RowState.labels}
    return all(row[0].strip() in states and _is_receipt(row[3].strip()) for row in rows)


def _is_receipt(text: str) -> bool:
    if not text:
        return True
    try:
        return is_link(text) and bool(reference_in_link(text, RecordKind.SUBMISSION))
    except NoReference:
        return False


def _restored(cell: str) -> str:
    """The cell without the apostrophes of :func:`apps.core.export.csv_cells.protect`.

    A cell that begins with an apostrophe of its own, such as ``'t Hooft`` in an Excel file, keeps it.
    """
    plain = restore(cell)
    return plain if protect(plain) == cell else cell
