"""Find the row of headers of a table, and the field that the values of a column belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from apps.batches.columns.date_orders import Meaning, meaning_of
from apps.batches.columns.own_columns import HEADERS_WITHIN
from apps.batches.reading.table import FindingCode, Table
from apps.consumers.paste.columns import RECOGNISED, fits, targets_of_headers

_DATE = "date_of_birth"
_SIGNS: Final[Mapping[str, Callable[[str], bool]]] = {
    _DATE: str.isdigit,
    "phone_numbers": str.isdigit,
    "emails": "@".__contains__,
}
"""Which characters a value of a field has, whatever else is wrong with it."""
_MANY_DIGITS = 5  # a header such as "Phone 2" has fewer


def header_index(table: Table) -> int | None:
    """The index of the row of headers among the table's rows; None if no row certainly is one.

    A row is one if three of its cells are known headers; or two that are at least half of the filled cells;
    or one, in the first row of a table of one column. With fewer, a person decides: "Ad" is a Turkish header
    and a Dutch name. None of its cells may be a person's value. A provider's name does not count, because it
    may be a value. Every row above it must be a title (:func:`_is_title`).
    """
    for index, row in enumerate(table.rows[:HEADERS_WITHIN]):
        filled = _count_filled(row.cells)
        targets = targets_of_headers(row.cells, ())
        known = sum(map(bool, targets))
        half = known >= 2 and 2 * known >= filled
        alone = index == 0 and known == table.width == 1
        if not (known >= 3 or half or alone) or _has_values(row.cells):
            continue
        if all(_is_title(one.cells, targets, filled, known) for one in table.rows[:index]):
            return index
    return None


def _is_title(cells: tuple[str, ...], targets: tuple[str, ...], filled: int, known: int) -> bool:
    """Whether a row above headers is a title, such as the name of a tour, and not a person.

    A row with at most half as many filled cells as there are headers is a title. One with more is a title
    only if no cell above a date or phone header has a digit, none above an email header has an @, and either
    all headers are known and outnumber its cells, or it has text above one of these headers and no value of a
    person. ``targets``: the fields of the headers. ``filled``, ``known``: how many headers there are, and how
    many are known.
    """
    count = _count_filled(cells)
    if 2 * count <= filled:
        return True
    pairs = zip(cells, targets, strict=True)
    of_person = [(cell, _SIGNS[target]) for cell, target in pairs if cell.strip() and target in _SIGNS]
    if any(any(map(is_sign, cell)) for cell, is_sign in of_person):
        return False
    return count < filled == known or (bool(of_person) and not _has_values(cells))


def _count_filled(cells: tuple[str, ...]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def goes_on_below(table: Table, index: int) -> bool:
    """Whether the row below the headers at this index belongs to them: it repeats cells that are merged.

    A spreadsheet with "Name" above "First" and "Last" has the other headers in both rows, as its merged
    cells are filled. Without merged cells, and with the value of a person, a row is a person.
    """
    merged = any(finding.code is FindingCode.MERGED_CELLS for finding in table.findings)
    if not merged or index + 1 >= len(table.rows):
        return False
    pairs = [*zip(table.rows[index].cells, table.rows[index + 1].cells, strict=True)]
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
