"""What is read of a sheet or a text, before it is a table: merged cells, findings and limits.

Without Django: the child process imports this module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from apps.batches.reading.example import is_example
from apps.batches.reading.limits import MAX_ROW, Limits
from apps.batches.reading.lost import is_error, is_shortened, shortened_text
from apps.batches.reading.table import Finding, FindingCode, NotReadable, TableFault, TableRow
from apps.consumers.paste.shortened import SHORTENED_NUMBER

TEMPLATE_NOTES: Final = "About"
"""The name of the sheet with notes in the portal's own files. It is not reported as a further sheet."""
MAX_MERGES: Final = 10_000

_LEADING_ZERO = re.compile(r"0\d[\d ]*")


class Merge(NamedTuple):
    """A merged range of several rows. ``column``: of its first column, from 0."""

    first_row: int
    last_row: int
    column: int


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet by row number. Rows may be of different lengths, blank ones may be missing.

    ``numbers``: row number and column of the cells that are numbers; None for texts, where this is not known.
    """

    rows: dict[int, list[str]] = field(default_factory=dict)
    numbers: set[tuple[int, int]] | None = None
    merges: list[Merge] = field(default_factory=list)
    found: Counter[FindingCode] = field(default_factory=Counter)


def has_content(cells: Collection[str]) -> bool:
    """Whether a cell is more than blanks."""
    return any(cell and not cell.isspace() for cell in cells)


def number_text(value: float) -> str:
    """A number without an exponent, and without a decimal point if it is whole.

    A number that has lost digits has an exponent, so that nobody takes it for a whole one.
    """
    if is_shortened(value):
        return shortened_text(value)
    return str(value) if isinstance(value, int) else f"{Decimal(f'{value:.15g}'):f}"


def finished_rows(sheet: Sheet, limits: Limits) -> tuple[tuple[TableRow, ...], tuple[Finding, ...]]:
    """The rows with content, all of one width, and what was found.

    Blank columns at the right edge are left out. Raises :class:`NotReadable` for a limit, and ``EMPTY``.
    """
    rows = {number: cells for number, cells in sorted(sheet.rows.items()) if has_content(cells)}
    examples = [number for number, cells in rows.items() if is_example(cells)]
    for number in examples:
        del rows[number]
    if not rows:
        raise NotReadable(TableFault.EMPTY)
    if max(rows) > MAX_ROW:
        raise NotReadable(TableFault.TOO_COMPLEX)
    if len(rows) > limits.lines:
        raise NotReadable(TableFault.TOO_MANY_ROWS, len(rows))
    _fill_merged(rows, sheet.merges)
    width = max(map(_filled_width, rows.values()))
    if width > limits.columns:
        raise NotReadable(TableFault.TOO_MANY_COLUMNS, width)
    whole = {number: [*cells[:width], *[""] * (width - len(cells))] for number, cells in rows.items()}
    _check_lengths(whole, limits)
    found = Counter(sheet.found)
    found[FindingCode.EXAMPLE_ROWS] += len(examples)
    texts = [cell for cells in whole.values() for cell in cells if cell]
    found[FindingCode.SHORTENED_NUMBERS] += sum(
        SHORTENED_NUMBER.fullmatch(text.strip()) is not None for text in texts
    )
    found[FindingCode.ERROR_VALUES] += sum(map(is_error, texts))
    found[FindingCode.LOST_ZEROS] += _lost_zeros(whole, sheet.numbers)
    findings = tuple(Finding(code, found[code]) for code in FindingCode if found[code] > 0)
    return tuple(TableRow(number, tuple(cells)) for number, cells in whole.items()), findings


def _filled_width(cells: list[str]) -> int:
    """The number of cells up to the last one with content."""
    return max(at for at, cell in enumerate(cells, 1) if cell and not cell.isspace())


def _fill_merged(rows: dict[int, list[str]], merges: list[Merge]) -> None:
    """Write the value of a merged cell into each of its rows that has content of its own."""
    if len(merges) > MAX_MERGES:
        raise NotReadable(TableFault.TOO_COMPLEX)
    for first, last, column in merges:
        top = rows.get(first, [])
        value = top[column] if column < len(top) else ""
        if not value:
            continue
        for number in [number for number in rows if first < number <= last]:
            cells = rows[number]
            cells.extend([""] * (column + 1 - len(cells)))
            cells[column] = value


def _check_lengths(rows: dict[int, list[str]], limits: Limits) -> None:
    characters = 0
    for number, cells in rows.items():
        lengths = list(map(len, cells))
        characters += sum(lengths)
        if max(lengths) > limits.cell:
            raise NotReadable(TableFault.CELL_TOO_LONG, number)
    if characters > limits.characters:
        raise NotReadable(TableFault.TOO_COMPLEX)


def _lost_zeros(rows: dict[int, list[str]], numbers: set[tuple[int, int]] | None) -> int:
    """The number of cells that seem to have lost zeros: other cells of their column begin with one.

    In a text, where numbers are texts as well, a cell counts if it is shorter than those.
    """
    lost = 0
    width = len(next(iter(rows.values())))
    for column in range(width):
        texts = {number: cells[column].strip() for number, cells in rows.items()}
        kept = {number for number, text in texts.items() if _LEADING_ZERO.fullmatch(text)}
        if numbers is not None:
            kept -= {number for number in kept if (number, column) in numbers}
        if not kept:
            continue
        if numbers is not None:
            lost += sum((number, column) in numbers for number in texts)
            continue
        shortest = min(len(texts[number]) for number in kept)
        lost += sum(
            text.isdecimal() and not text.startswith("0") and len(text) < shortest for text in texts.values()
        )
    return lost
