"""Cells of CSV files: quotes, and a guard that keeps spreadsheets from reading a text as a formula.

The guard applies to every CSV file that the portal writes for spreadsheets, and every value can be restored.
JSON Lines and Excel's text cells need no guard.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
"""Excel reads a CSV file as UTF-8 only if it begins with this character."""

GUARD: Final = "'"
"""Inserted before a text that could be read as a formula. :func:`restore` removes it."""

# Characters that begin a formula or leave the cell, and the variants that some spreadsheets treat alike.
_STARTS: Final = "=+-@＝＋－＠﹦﹢﹣﹫\t"
_LINE_BREAKS: Final = "\r\n"
PARTED_BY: Final = ",;\t" + _LINE_BREAKS
"""Characters that split a cell if the file is opened with another separator than it was written with."""
# Categories that are invisible and that spreadsheets skip: controls, format characters, blanks.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# All characters of these categories are in these ranges; testing every code point would take 250 ms.
_MAY_BE_INVISIBLE: Final = (*range(0x20000), *range(0xE0000, 0xE0100))


def _character_set(characters: str) -> str:
    """The characters as the inside of a regular expression's character class."""
    numbered = enumerate(sorted(map(ord, characters)))
    runs = [
        [point for _index, point in run] for _key, run in groupby(numbered, lambda pair: pair[1] - pair[0])
    ]
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs)


def _guard_positions() -> str:
    """The pattern, of width 0, of the positions at which a guard is inserted.

    Tab, CR and LF at the beginning of a cell count as visible. A program that splits the file at another
    separator ignores the quotes around a cell: the text after a line break or a separator becomes a cell of
    its own (tried with LibreOffice). So each such part gets a guard, and quotes before it are skipped.
    """
    invisible = "".join(
        character
        for character in map(chr, _MAY_BE_INVISIBLE)
        if unicodedata.category(character) in _INVISIBLE and character not in _STARTS + _LINE_BREAKS
    )
    cell = f"\\A(?=[{_character_set(invisible)}]*[{_character_set(_STARTS + _LINE_BREAKS)}]|{GUARD})"
    skipped = _character_set(invisible + '"')
    part = f"(?<=[{_character_set(PARTED_BY)}])(?=[{skipped}]*[{_character_set(_STARTS)}]|{GUARD})"
    return f"{cell}|{part}"


_GUARD_POSITIONS: Final = re.compile(_guard_positions())
_GUARDS: Final = re.compile(f"\\A{GUARD}|(?<=[{_character_set(PARTED_BY)}]){GUARD}")
_SPLIT: Final = re.compile(f"[{_character_set(PARTED_BY)}]")


def protect(text: str) -> str:
    """The text with a guard before each part that a spreadsheet could read as a formula.

    A part begins at the start of the text and after each of :data:`PARTED_BY`. A part that begins with an
    apostrophe also gets a guard, so that :func:`restore` returns the original text.
    """
    if text[:1].isalnum() and not _SPLIT.search(text):
        return text  # the most common case, without the expensive pattern
    return _GUARD_POSITIONS.sub(GUARD, text)


def needs_guard(part: str) -> bool:
    """Whether :func:`protect` inserts a guard at the beginning of this part of a text.

    It contains no quote and none of :data:`PARTED_BY`.
    """
    return _GUARD_POSITIONS.match(part) is not None


def restore(cell: str) -> str:
    """The text from which :func:`protect` made the cell."""
    return _GUARDS.sub("", cell)


def restore_if_protected(cell: str) -> str:
    """The text of a cell from a file of unknown origin: :func:`restore`, only if :func:`protect` made it.

    A name such as ``'t Hooft`` in a file that the portal did not write keeps its apostrophe.
    """
    text = restore(cell)
    return text if text != cell and protect(text) == cell else cell


def quote(cell: str, separator: str) -> str:
    """The cell in quotes, with quotes doubled, if RFC 4180 demands them."""
    if separator in cell or '"' in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def csv_line(cells: Iterable[str]) -> str:
    """One line of a CSV file (RFC 4180), separated by commas, with quotes where needed. Adds no guard."""
    return ",".join([quote(cell, ",") for cell in cells]) + "\r\n"
