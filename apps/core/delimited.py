"""Read texts whose cells are separated by a delimiter, as in RFC 4180 and as spreadsheets copy them."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE_BREAK = re.compile("\r\n?")


def with_line_feeds(text: str) -> str:
    """The text with line feeds in place of the other line breaks."""
    return _LINE_BREAK.sub("\n", text)


def first_delimiter(text: str, delimiters: str) -> str:
    """The first of ``delimiters`` that the text contains outside quoted cells; the first one if none.

    ``text`` has line feeds only.
    """
    unquoted = without_quoted(text, delimiters)
    return next((one for one in delimiters if one in unquoted), delimiters[0])


def without_quoted(text: str, delimiters: str) -> str:
    """The text without its quoted cells, whose contents may be any of the delimiters."""
    edges = re.escape(delimiters)
    return re.sub(rf'(?:(?<=[{edges}\n])|\A) *+"[^"]*+(?:""[^"]*+)*+" *+(?=[{edges}\n]|\Z)', '""', text)


def read_lines(text: str, delimiter: str) -> Iterator[tuple[str, ...]]:
    """The cells of each line, also of blank ones. ``text`` has line feeds only.

    A line feed in a quoted cell does not end the line. A cell that only begins with a quotation mark is
    returned as it is: spreadsheets copy it so. Blanks around a quoted cell, as people type them after a
    comma, are left out, but not next to a tab: there they belong to the cell of a spreadsheet.
    """
    blanks = "" if delimiter == "\t" else " *+"
    # Possessive, so that a mark that is never closed costs one pass and no memory.
    quoted = re.compile(rf'{blanks}"([^"]*+(?:""[^"]*+)*+)"{blanks}(?=[{re.escape(delimiter)}\n]|\Z)')
    next_end = re.compile(rf"[{re.escape(delimiter)}\n]")
    cells: list[str] = []
    at = 0
    while True:
        if not cells:
            end_of_line = text.find("\n", at)
            line = text[at:end_of_line] if end_of_line >= 0 else text[at:]
            if '"' not in line:  # nearly always
                yield tuple(line.split(delimiter))
                if end_of_line < 0:
                    return
                at = end_of_line + 1
                continue
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
