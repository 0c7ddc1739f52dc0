"""Read pasted texts and CSV files. The delimiter is found by comparing their lines, up to 50,000."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from statistics import median_low
from typing import NamedTuple

from apps.batches.reading.limits import COUNTED_ROWS, Limits
from apps.batches.reading.sheet import Sheet, finished_rows, has_content
from apps.batches.reading.table import (
    DELIMITER_NAMES,
    Finding,
    FindingCode,
    NotReadable,
    TableFault,
    TableRow,
)
from apps.core.delimited import first_delimiter, read_lines, with_line_feeds, without_quoted
from apps.core.export.csv_cells import restore_if_protected

# The first one counts where two are equally likely.
_DELIMITERS = "\t;|,"
_PASTED_DELIMITERS = "\t;,"
# The first line that tells Excel the delimiter. Excel does not count it as a row.
_TOLD = re.compile(r"""["']?sep=(.)["']?\n""", re.IGNORECASE)
# ="0123456": how a program writes a code that a spreadsheet is to show with its zeros.
_TEXT_FORMULA = re.compile(r'\A\s*="([^"]*)"\s*\Z')
_CLEAR_SHARE = 0.8
"""A delimiter is clearly the right one if it separates this share of the lines into as many cells."""
_COMPARED_LINES = 50_000
"""The delimiters are compared by so many lines, blank ones included: a batch has far fewer."""
_BLANK = ("",)

Rows = tuple[tuple[TableRow, ...], tuple[Finding, ...]]


def pasted_rows(text: str, limits: Limits) -> Rows:
    """The rows of a text as spreadsheets copy it, with tabs.

    A text without tabs is read as CSV: the delimiter is the semicolon or comma that fits all of it best.

    Raises :class:`NotReadable`.
    """
    text, findings = _cleaned(text)
    if "\t" in without_quoted(text, _PASTED_DELIMITERS):
        return _rows(text, "\t", limits, findings)
    delimiter = detected_delimiter(text, _PASTED_DELIMITERS)
    return _rows(text, delimiter or first_delimiter(text, _PASTED_DELIMITERS), limits, findings)


def csv_rows(text: str, limits: Limits, *, has_tabs: bool = False) -> Rows:
    """The rows of a CSV file. The delimiter is the one told by ``sep=``, else what fits the whole file best.

    ``has_tabs``: the file's name says that its delimiter is a tab.

    Raises :class:`NotReadable`.
    """
    text, findings = _cleaned(text)
    if told := _TOLD.match(text):
        return _rows(text[told.end() :], told[1], limits, findings)
    delimiter = "\t" if has_tabs else detected_delimiter(text)
    if delimiter:
        findings.append(Finding(FindingCode.DELIMITER, detail=DELIMITER_NAMES[delimiter]))
    return _rows(text, delimiter or first_delimiter(text, _DELIMITERS), limits, findings)


def _cleaned(text: str) -> tuple[str, list[Finding]]:
    text = with_line_feeds(text.removeprefix("\ufeff"))
    nul = text.count("\0")
    return text.replace("\0", ""), [Finding(FindingCode.NUL_REMOVED, nul)] if nul else []


def _rows(text: str, delimiter: str, limits: Limits, findings: list[Finding]) -> Rows:
    sheet = Sheet()
    widths: list[int] = []
    for number, cells in enumerate(read_lines(text, delimiter), 1):
        if cells == _BLANK or not has_content(cells):
            continue
        if len(sheet.rows) >= limits.lines:  # the rest is counted, not kept
            filled_rows = filter(has_content, read_lines(text, delimiter))
            count = sum(1 for _row in islice(filled_rows, COUNTED_ROWS))
            if count > limits.lines + 1:  # one may be the example of the template
                raise NotReadable(TableFault.TOO_MANY_ROWS, count)
        filled = _without_blank_end(cells)
        widths.append(len(filled))
        sheet.rows[number] = [_TEXT_FORMULA.sub(r"\1", restore_if_protected(cell)) for cell in filled]
    sheet.found[FindingCode.UNEVEN_ROWS] = _count_uneven(widths)
    rows, found = finished_rows(sheet, limits)
    return rows, (*findings, *found)


def _count_uneven(widths: list[int]) -> int:
    """How many rows have more cells than the headers: than the first row that is as wide as most rows.

    Above the headers there may be a title, and the last cells of many people may be blank.
    """
    if not widths:
        return 0
    usual = median_low(widths)
    headers = next(width for width in widths if width >= usual)
    return sum(width > headers for width in widths)


def _without_blank_end(cells: tuple[str, ...]) -> tuple[str, ...]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


class _Fit(NamedTuple):
    """How well a delimiter fits a text. Compared in this order."""

    is_clear: bool
    width: int  # the number of cells of most lines that it separates
    priority: int
    separated: float  # the share of the lines that it separates
    delimiter: str


def detected_delimiter(text: str, delimiters: str = _DELIMITERS) -> str:
    """Which of ``delimiters`` separates a text with line feeds only; empty if each line is one cell.

    Found by its first ``_COMPARED_LINES`` lines. Raises :class:`NotReadable` with ``SEVERAL_FORMATS`` if
    parts of them have different ones.
    """
    fits = list(_fits(text, delimiters))
    if clear := max((fit for fit in fits if fit.is_clear), default=None):
        return clear.delimiter
    fits.sort(key=lambda fit: (fit.separated, fit.width, fit.priority), reverse=True)
    if not fits:
        return ""
    if len(fits) > 1 and fits[0].separated < _CLEAR_SHARE and fits[1].separated > fits[0].separated / 3:
        raise NotReadable(TableFault.SEVERAL_FORMATS)
    return fits[0].delimiter


def _fits(text: str, delimiters: str) -> Iterator[_Fit]:
    """The fit of each delimiter that separates cells of the text."""
    unquoted = without_quoted(text, delimiters)
    for priority, delimiter in enumerate(reversed(delimiters)):
        if delimiter not in unquoted:
            continue
        lines = islice(read_lines(text, delimiter), _COMPARED_LINES)
        widths = [len(cells) for cells in lines if has_content(cells)]
        separated = [width for width in widths if width > 1]
        if not separated:
            continue
        [(width, count)] = Counter(separated).most_common(1)
        # A line of headers has each column: a delimiter that it lacks is a part of values.
        is_clear = count / len(widths) >= _CLEAR_SHARE and widths[0] > 1
        yield _Fit(is_clear, width, priority, len(separated) / len(widths), delimiter)
