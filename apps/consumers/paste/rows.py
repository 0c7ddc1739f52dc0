"""Read one row that was copied from a spreadsheet, with or without a line of headers above it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from apps.core.delimited import first_delimiter, read_lines, with_line_feeds
from apps.core.text import similar_key

MAX_TEXT = 20_000  # characters
MAX_COLUMNS = 40
_DELIMITERS = "	;,"
# In brackets: "optional", or the letters of day, month and year in several languages.
_REMARK = re.compile(r"\((?:optional|[dgjtmyae./\- ]{6,})\)")
# The patterns of dates in headers, in the same languages: MM/DD/YYYY; DD/MM/YYYY, TT.MM.JJJJ, GG.AA.YYYY.
_MONTH_FIRST = re.compile(
    r"(?<![^\W_])m{1,4}[./\- ]*(?:[dtg]{1,2}[./\- ]*[yaj]{2,4}|j{1,2}[./\- ]*[ya]{2,4})(?![^\W_])"
)
_DAY_FIRST = re.compile(
    r"(?<![^\W_])(?:[dtgj]{1,2}[./\- ]*m{1,4}[./\- ]*[yaj]{2,4}|g{1,2}[./\- ]*a{1,2}[./\- ]*y{2,4})(?![^\W_])"
)


class RowFault(StrEnum):
    """Why a text is not one row."""

    TOO_LONG = "too_long"
    TOO_MANY_COLUMNS = "too_many_columns"
    SEVERAL_ROWS = "several_rows"
    ONLY_HEADERS = "only_headers"


class NotOneRow(ValueError):
    """The text is not one row. ``count``: of its rows or columns."""

    def __init__(self, fault: RowFault, count: int = 0) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.count = count


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """The cells of a row as they were pasted, and their headers if there is a line of them.

    A row that is longer than its headers has empty ones for the rest.
    """

    cells: tuple[str, ...]
    headers: tuple[str, ...] | None


def read_row(text: str, *, known_headers: frozenset[str]) -> Row:
    """Read a text as one row. The first line is headers if half of its cells are in ``known_headers``.

    A line alone is headers only if all of its cells are: "Ad Bakker" is a name, although Ad is a header.

    ``known_headers`` are keys of :func:`header_key`. The delimiter is the first of tab, semicolon and comma
    that the text contains. Raises :class:`NotOneRow`.
    """
    if len(text) > MAX_TEXT:
        raise NotOneRow(RowFault.TOO_LONG, len(text))
    text = with_line_feeds(text)
    delimiter = first_delimiter(text, _DELIMITERS)
    lines = [cells for cells in read_lines(text, delimiter) if any(cell.strip() for cell in cells)]
    headers: tuple[str, ...] | None = None
    if lines and _are_headers(lines[0], known_headers, all_of_them=len(lines) == 1):
        headers, *lines = lines
        if not lines:
            raise NotOneRow(RowFault.ONLY_HEADERS, len(headers))
    if len(lines) != 1:
        raise NotOneRow(RowFault.SEVERAL_ROWS, len(lines))
    [cells] = lines
    width = max(len(cells), len(headers or ()))
    if width > MAX_COLUMNS:
        raise NotOneRow(RowFault.TOO_MANY_COLUMNS, width)
    if headers is not None:
        headers = tuple(header.strip() for header in headers) + ("",) * (width - len(headers))
    return Row(cells + ("",) * (width - len(cells)), headers)


def header_key(header: str) -> str:
    """A header without case, accents, blanks, signs, the pattern of a date and a number at the end.

    ``E-mail 2`` and ``email`` are equal, ``Prénom`` and ``prenom``, and ``DOB (DD/MM/YYYY)`` and ``dob``.
    """
    plain = _REMARK.sub("", similar_key(header))
    return re.sub(r"[\W_]+|(?<!\d)\d+$", "", plain)


def names_month_first(header: str) -> bool | None:
    """Whether a header says that the month comes before the day; None if it names no order, or both."""
    plain = similar_key(header)
    month_first, day_first = bool(_MONTH_FIRST.search(plain)), bool(_DAY_FIRST.search(plain))
    return None if month_first == day_first else month_first


def _are_headers(cells: tuple[str, ...], known: frozenset[str], *, all_of_them: bool) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    count = sum(header_key(cell) in known for cell in filled)
    return count > 0 and (count if all_of_them else 2 * count) >= len(filled)
