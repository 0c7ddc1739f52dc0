"""Find the row of headers of a table, and the field that the values of a column belong to."""

from __future__ import annotations

from collections.abc import Iterable

from apps.batches.columns.date_orders import Meaning, meaning_of
from apps.batches.columns.own_columns import HEADERS_WITHIN
from apps.batches.reading.table import Table
from apps.consumers.paste.columns import RECOGNISED, fits, targets_of_headers

_DATE = "date_of_birth"
_MANY_DIGITS = 5  # a header such as "Phone 2" has fewer


def header_place(table: Table, providers: tuple[str, ...]) -> int | None:
    """The index of the row of headers among the table's rows; None if no row is one for certain.

    Three of its cells have to be known headers, or two that are half of the filled ones, or its only cell. A
    row of fewer is a question: "Ad" is a Turkish header and a Dutch name. Rows above it have at most half as
    many filled cells, as the name of a tour has: nobody may be taken for a title.
    """
    widest_above = 0
    for place, row in enumerate(table.rows[:HEADERS_WITHIN]):
        filled = sum(bool(cell.strip()) for cell in row.cells)
        known = _count_known(row.cells, providers)
        half = known >= 2 and 2 * known >= filled
        if (known >= 3 or half or (place == 0 and known == filled)) and 2 * widest_above <= filled:
            return place
        widest_above = max(widest_above, filled)
    return None


def may_be_headers(table: Table) -> bool:
    """Whether the first row may be one of headers: no cell is the value of a field or has many digits."""
    if len(table.rows) < 2:
        return False
    return not any(_is_value(cell) for cell in table.rows[0].cells if cell.strip())


def are_likely_headers(table: Table, providers: tuple[str, ...]) -> bool:
    """Whether a first row that may be headers has a known one, or stands above a column of other values."""
    first, *rest = table.rows
    columns = ([row.cells[at] for row in rest] for at, cell in enumerate(first.cells) if cell.strip())
    return _count_known(first.cells, providers) > 0 or any(map(unmistakable_target, columns))


def _count_known(cells: tuple[str, ...], providers: tuple[str, ...]) -> int:
    return sum(bool(target) for target in targets_of_headers(cells, providers))


def _is_value(cell: str) -> bool:
    many_digits = sum(map(str.isdigit, cell)) >= _MANY_DIGITS
    return many_digits or cell.strip().isdecimal() or any(_fits(cell, target) for target in RECOGNISED)


def unmistakable_target(cells: Iterable[str]) -> str:
    """The field that all filled cells of a column fit, if it is the only one; otherwise empty."""
    filled = dict.fromkeys(cell.strip() for cell in cells)
    filled.pop("", None)
    fitting = [*RECOGNISED] if filled else []
    for cell in filled:
        fitting = [target for target in fitting if _fits(cell, target)]
        if not fitting:
            break
    return fitting[0] if len(fitting) == 1 else ""


def _fits(cell: str, target: str) -> bool:
    if target == _DATE:  # in either order
        return not cell.strip().isdecimal() and meaning_of(cell) is not Meaning.NO_DATE
    return fits(cell, target)
