"""The columns that the portal's own result file adds to the uploaded ones, and how they are recognised.

They are removed from a table that is uploaded again, so that the corrected file has the columns of the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.batches.cells import DateText
from apps.batches.models import OwnState, RowState
from apps.batches.reading.table import Table, TableRow
from apps.core.export.csv_cells import restore_if_protected
from apps.core.references import NoReference, RecordKind, is_link, reference_in_link

STATE, REFERENCE, REASON, RECEIPT = _("State"), _("Reference"), _("Reason"), _("Receipt")
OWN_HEADERS: Final = (STATE, REFERENCE, REASON, RECEIPT)
HEADERS_WITHIN: Final = 10
"""Headers are searched in this many rows, because manifests have the name of the tour above them."""
_COUNT: Final = len(OWN_HEADERS)


def without_own_columns(table: Table) -> Table:
    """The table without the columns of a result file, with the cells as they were uploaded.

    The same table if it has no such columns: four in our order, with our headers in one of the first rows, or
    the last ones with a state in each row and nothing but receipts in the fourth of them. A state that is an
    outcome has its receipt: "Unknown" may also be a gender.
    """
    first = _first_own_column(table)
    if first is None:
        return table
    rows = (
        TableRow(row.number, tuple(map(_as_uploaded, row.cells[:first] + row.cells[first + _COUNT :])))
        for row in table.rows
    )
    # A row whose own cells were all deleted is not a person any more.
    kept = tuple(row for row in rows if any(cell.strip() for cell in row.cells))
    return replace(table, rows=kept) if kept else table


def _as_uploaded(cell: str) -> str:
    """The cell without the guard of the result file; a date has none, and stays one."""
    return cell if isinstance(cell, DateText) else restore_if_protected(cell)


def _first_own_column(table: Table) -> int | None:
    """The index of the column State; None if the table is not a result file."""
    known = _own_headers()
    for row in table.rows[:HEADERS_WITHIN]:
        cells = tuple(cell.strip() for cell in row.cells)
        for at in range(1, len(cells) - _COUNT + 1):
            if cells[at : at + _COUNT] in known:
                return at
    width = max((_filled_width(row.cells) for row in table.rows), default=0)
    return next((at for at in _possible_places(width) if _are_own_columns(table, at)), None)


def _possible_places(width: int) -> list[int]:
    """Where State may be without headers. The last of our columns may be blank, and are then not counted.

    Receipt and reference are blank before rows are sent, and so is the reason if nothing was found.
    """
    return [width - used for used in (_COUNT, _COUNT - 1, 1) if width > used]


def _are_own_columns(table: Table, at: int) -> bool:
    """Whether each row has a state at this column, and nothing but receipts three columns further.

    A row whose cells from here on are blank may have been added by a person, below the others.
    """
    states, before_send = _in_each_language(RowState), _in_each_language(OwnState)
    of_portal = [own for row in table.rows if any(map(str.strip, own := row.cells[at : at + _COUNT]))]
    return bool(of_portal) and all(
        (state := own[0].strip()) in states
        and _has_its_receipt(*_padded(own[1:]), is_needed=state not in before_send)
        for own in of_portal
    )


def _padded(cells: tuple[str, ...]) -> tuple[str, ...]:
    return (*cells, *[""] * (_COUNT - 1 - len(cells)))


def _has_its_receipt(reference: str, _reason: str, receipt: str, *, is_needed: bool) -> bool:
    """Whether there is a receipt, or if none is needed, neither a receipt nor a reference."""
    if receipt.strip():
        return _is_receipt(receipt.strip())
    return not is_needed and not reference.strip()


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


def _in_each_language(states: type[OwnState | RowState]) -> set[str]:
    """The labels of these states in each language of the portal."""
    found = set()
    for code, _name in settings.LANGUAGES:
        with override(code):
            found |= set(map(str, states.labels))
    return found


def _is_receipt(text: str) -> bool:
    try:
        return is_link(text) and bool(reference_in_link(text, RecordKind.SUBMISSION))
    except NoReference:
        return False
