"""Find the row of headers of a table, and the field that the values of a column belong to."""

from __future__ import annotations

from collections.abc import Iterable

from apps.batches.columns.date_orders import Meaning, meaning_of
from apps.batches.columns.own_columns import HEADERS_WITHIN
from apps.batches.reading.table import FindingCode, Table
from apps.consumers.paste.columns import RECOGNISED, fits, targets_of_headers

_DATE = "date_of_birth"
_MANY_DIGITS = 5  # a header such as "Phone 2" has fewer


def header_place(table: Table) -> int | None:
    """The index of the row of headers among the table's rows; None if no row is one for certain.

    Three of its cells have to be known headers, or two that are half of the filled ones, or the only cell of
    a table of one column. A row of fewer is a question: "Ad" is a Turkish header and a Dutch name. No cell
    may be a value of a person, and the name of a provider is no evidence: it is a value as well. Rows above
    it have at most half as many filled cells, as the name of a tour has, or fewer than headers that are all
    known, or have words where the headers say numbers or addresses: nobody may be taken for a title.
    """
    for place, row in enumerate(table.rows[:HEADERS_WITHIN]):
        filled = _count_filled(row.cells)
        targets = targets_of_headers(row.cells, ())
        known = sum(map(bool, targets))
        half = known >= 2 and 2 * known >= filled
        alone = place == 0 and known == table.width == 1
        if (known >= 3 or half or alone) and not _has_values(row.cells):
            few = filled if known == filled else filled // 2 + 1  # a title has fewer cells
            above = (one.cells for one in table.rows[:place])
            if all(_count_filled(cells) < few or _is_nobody(cells, targets) for cells in above):
                return place
    return None


def _is_nobody(cells: tuple[str, ...], targets: tuple[str, ...]) -> bool:
    """Whether a row is no person below these headers: no digit in a date or number, no @ in an address."""
    of_person = {"date_of_birth": str.isdigit, "phone_numbers": str.isdigit, "emails": "@".__contains__}
    return any(
        cell.strip() and target in of_person and not any(map(of_person[target], cell))
        for cell, target in zip(cells, targets, strict=True)
    )


def _count_filled(cells: tuple[str, ...]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def goes_on_below(table: Table, place: int) -> bool:
    """Whether the row below the headers at this index belongs to them: it repeats cells that are merged.

    A spreadsheet with "Name" above "First" and "Last" has the other headers in both rows, as its merged
    cells are filled. Without merged cells, and with the value of a person, a row is a person.
    """
    merged = any(finding.code is FindingCode.MERGED_CELLS for finding in table.findings)
    if not merged or place + 1 >= len(table.rows):
        return False
    pairs = [*zip(table.rows[place].cells, table.rows[place + 1].cells, strict=True)]
    repeated = [below for above, below in pairs if below.strip() and below.strip() == above.strip()]
    return bool(repeated) and not _has_values(below for _above, below in pairs)


def may_be_headers(table: Table) -> bool:
    """Whether the first row may be one of headers: no cell is the value of a field or has many digits."""
    if len(table.rows) < 2:
        return False
    return not _has_values(table.rows[0].cells)


def are_likely_headers(table: Table, providers: tuple[str, ...]) -> bool:
    """Whether a first row that may be headers has a known one, or stands above a column of other values."""
    first, *rest = table.rows
    columns = ([row.cells[at] for row in rest] for at, cell in enumerate(first.cells) if cell.strip())
    known = any(targets_of_headers(first.cells, providers))
    return known or any(map(unmistakable_target, columns))


def _has_values(cells: Iterable[str]) -> bool:
    return any(_is_value(cell) for cell in cells if cell.strip())


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
