"""The columns that the portal's own result file adds to the uploaded ones, and how they are recognised.

They are removed from a table that is uploaded again, so that the corrected file has the columns of the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.batches.models import RowState
from apps.batches.reading.table import Table, TableRow
from apps.core.export.csv_cells import restored
from apps.core.references import NoReference, RecordKind, is_link, reference_in_link

STATE, REFERENCE, REASON, RECEIPT = _("State"), _("Reference"), _("Reason"), _("Receipt")
OWN_HEADERS: Final = (STATE, REFERENCE, REASON, RECEIPT)
HEADERS_WITHIN: Final = 10
"""Headers are looked for in this many rows: manifests have the name of the tour above them."""
_COUNT: Final = len(OWN_HEADERS)


def without_own_columns(table: Table) -> Table:
    """The table without the columns of a result file, with the cells as they were uploaded.

    The same table if it has no such columns: four in our order, with our headers in one of the first rows, or
    the last four with a state in each row and nothing but receipts in the last of them.
    """
    first = _first_own_column(table)
    if first is None:
        return table
    rows = (
        TableRow(row.number, tuple(map(restored, row.cells[:first] + row.cells[first + _COUNT :])))
        for row in table.rows
    )
    # A row whose own cells were all deleted is no person any more.
    kept = tuple(row for row in rows if any(cell.strip() for cell in row.cells))
    return replace(table, rows=kept) if kept else table


def _first_own_column(table: Table) -> int | None:
    """The index of the column State; None if the table is no result file."""
    known = _own_headers()
    for row in table.rows[:HEADERS_WITHIN]:
        cells = tuple(cell.strip() for cell in row.cells)
        for at in range(1, len(cells) - _COUNT + 1):
            if cells[at : at + _COUNT] in known:
                return at
    at = max((_filled_width(row.cells) for row in table.rows), default=0) - _COUNT
    states = _states()
    if at > 0 and all(
        row.cells[at].strip() in states and _is_receipt(row.cells[at + _COUNT - 1].strip())
        for row in table.rows
    ):
        return at
    return None


def _filled_width(cells: tuple[str, ...]) -> int:
    """The number of cells up to the last that is not blank."""
    return max((at for at, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _own_headers() -> set[tuple[str, ...]]:
    """Our headers in each language of the portal: another person may have downloaded the file."""
    found = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            found.add(tuple(map(str, OWN_HEADERS)))
    return found


def _states() -> set[str]:
    found = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            found |= set(map(str, RowState.labels))
    return found


def _is_receipt(text: str) -> bool:
    if not text:
        return True
    try:
        return is_link(text) and bool(reference_in_link(text, RecordKind.SUBMISSION))
    except NoReference:
        return False
