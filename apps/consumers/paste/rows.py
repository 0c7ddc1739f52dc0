"""Read one row that was copied from a spreadsheet, with or without a line of headers above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.core.text import similar_key

MAX_TEXT = 20_000  # characters
MAX_COLUMNS = 40
_DELIMITERS = ("\t", ";", ",")
# In brackets: "optional", or the letters of day, month and year in several languages.
_REMARK = re.compile(r"\((?:optional|[dgjtmyae./\- ]+)\)")
_LINE_BREAK = re.compile("\r\n?")


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

    ``known_headers`` are keys of :func:`header_key`. The delimiter is the first of tab, semicolon and comma
    that the text contains. Raises :class:`NotOneRow`.
    """
    if len(text) > MAX_TEXT:
        raise NotOneRow(RowFault.TOO_LONG, len(text))
    text = _LINE_BREAK.sub("\n", text)
    delimiter = next((one for one in _DELIMITERS if one in _without_quoted(text)), "\t")
    lines = [cells for cells in _lines(text, delimiter) if any(cell.strip() for cell in cells)]
    headers: tuple[str, ...] | None = None
    if lines and _are_headers(lines[0], known_headers):
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
    return re.sub(r"[\W_]+|\d+$", "", plain)


def _are_headers(cells: tuple[str, ...], known: frozenset[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    count = sum(header_key(cell) in known for cell in filled)
    return count > 0 and 2 * count >= len(filled)


def _quoted_cell(delimiter: str) -> re.Pattern[str]:
    """A cell in quotation marks, up to the delimiter or the end of the line.

    A cell that only begins with a quotation mark is copied by spreadsheets as it is, and is kept as it is.
    """
    return re.compile(rf'"((?:[^"]|"")*)"(?=[{re.escape(delimiter)}\n]|\Z)')


def _without_quoted(text: str) -> str:
    """The text without its quoted cells, whose contents may be any of the delimiters."""
    return re.sub(r'(?:(?<=[\t;,\n])|\A)"(?:[^"]|"")*"(?=[\t;,\n]|\Z)', '""', text)


def _lines(text: str, delimiter: str) -> Iterator[tuple[str, ...]]:
    """The cells of each line, as RFC 4180 describes them."""
    quoted, next_end = _quoted_cell(delimiter), re.compile(rf"[{re.escape(delimiter)}\n]")
    cells: list[str] = []
    at = 0
    while True:
        if match := quoted.match(text, at):
            cells.append(match[1].replace('""', '"'))
            at = match.end()
        else:
            end = next_end.search(text, at)
            cells.append(text[at : end.start() if end else len(text)])
            at += len(cells[-1])
        if text[at : at + 1] != delimiter:
            yield tuple(cells)
            cells = []
        if at >= len(text):
            return
        at += 1
