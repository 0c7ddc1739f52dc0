"""Find the row of headers of a table, or say that it cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

from apps.batches.columns.own_columns import HEADERS_WITHIN
from apps.batches.reading.table import Table
from apps.consumers.paste.columns import fitting_targets, targets_of_headers


def header_place(table: Table, providers: tuple[str, ...]) -> int | None:
    """The index of the row of headers among the table's rows; None if no row is one for certain.

    In the first row half of the filled cells have to be known headers. Below it, two at least as well: a
    single word such as "Guest" may be the title of the list. A first row is also headers if all filled cells
    below one of its cells belong to a field that it does not, such as an address below "Erreichbar".
    """
    for place, row in enumerate(table.rows[:HEADERS_WITHIN]):
        filled = [cell for cell in row.cells if cell.strip()]
        known = sum(bool(target) for target in targets_of_headers(row.cells, providers))
        if 2 * known >= len(filled) and known >= (1 if place == 0 else 2):
            return place
    return 0 if table.rows and _differs_from_the_rest(table) else None


def may_be_headers(table: Table) -> bool:
    """Whether the first row may be one of headers: it has no digit and no value of a field but names."""
    if len(table.rows) < 2:
        return False
    filled = [cell for cell in table.rows[0].cells if cell.strip()]
    return not any(any(map(str.isdigit, cell)) or fitting_targets(cell) for cell in filled)


def _differs_from_the_rest(table: Table) -> bool:
    first, *rest = table.rows
    if not may_be_headers(table):
        return False
    columns = [[row.cells[at] for row in rest] for at, cell in enumerate(first.cells) if cell.strip()]
    return any(_fits_one_field(cells) for cells in columns)


def _fits_one_field(cells: Sequence[str]) -> bool:
    return unmistakable_target(cells) != ""


def unmistakable_target(cells: Sequence[str]) -> str:
    """The field that all filled cells of a column fit if it is the only one; otherwise empty."""
    filled = {cell.strip() for cell in cells} - {""}
    if not filled:
        return ""
    first, *others = filled
    fitting = set(fitting_targets(first))
    for cell in others:
        if not fitting:
            break
        fitting &= fitting_targets(cell)
    return fitting.pop() if len(fitting) == 1 else ""
