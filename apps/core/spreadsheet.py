"""Texts in CSV files that spreadsheets open: no cell becomes a formula, and every value can be restored.

The whole rule is here, for every file that the portal writes. JSON Lines and cells of Excel's own text type
need none.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import Final

GUARD: Final = "'"
"""What stands in front of a guarded cell or part of one; removing one of each always restores the value."""

# With which a spreadsheet begins a formula, or leaves the cell, and the forms that some take for the same.
_STARTS: Final = "=+-@＝＋－＠﹦﹢﹣﹫\t"
_LINE_BREAKS: Final = "\r\n"
PARTED_BY: Final = ",;\t" + _LINE_BREAKS
"""What parts a cell for somebody who opens the file with another separator than it was written with."""
# Nobody sees them and spreadsheets pass over them: controls, zero-width and other format characters, blanks.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# All of them are here; to ask the other million would take a quarter of a second.
_MAY_BE_UNSEEN: Final = (*range(0x20000), *range(0xE0000, 0xE0100))


def _set(characters: str) -> str:
    """The inside of a character class."""
    numbered = enumerate(sorted(map(ord, characters)))
    runs = [
        [point for _index, point in run] for _key, run in groupby(numbered, lambda pair: pair[1] - pair[0])
    ]
    return "".join(f"\\U{run[0]:08x}-\\U{run[-1]:08x}" for run in runs)


def _places() -> str:
    """Where a guard goes: a pattern of width nothing.

    Tab, CR and LF at the very beginning count as seen. Who opens the file with another separator than its own
    does not see the quotes around a cell: what stands behind a line break or a separator inside of it becomes
    a cell (tried with LibreOffice). So each such part counts, and quotes in front of it do not.
    """
    unseen = "".join(
        character
        for character in map(chr, _MAY_BE_UNSEEN)
        if unicodedata.category(character) in _UNSEEN and character not in _STARTS + _LINE_BREAKS
    )
    cell = f"\\A(?=[{_set(unseen)}]*[{_set(_STARTS + _LINE_BREAKS)}]|{GUARD})"
    passed_over = _set(unseen + '"')
    part = f"(?<=[{_set(PARTED_BY)}])(?=[{passed_over}]*[{_set(_STARTS)}]|{GUARD})"
    return f"{cell}|{part}"


_places_in = re.compile(_places())
_guards_in = re.compile(f"\\A{GUARD}|(?<=[{_set(PARTED_BY)}]){GUARD}")
_parted = re.compile(f"[{_set(PARTED_BY)}]")


def protect(text: str) -> str:
    """The cell for this text: with an apostrophe in front where it could be taken for a formula.

    Each part of it counts, behind a line break or a separator. So does one that begins with an apostrophe
    already, or :func:`restore` would take that away.
    """
    if text[:1].isalnum() and not _parted.search(text):
        return text  # nearly all of them
    return _places_in.sub(GUARD, text)


def restore(cell: str) -> str:
    """The text that :func:`protect` made the cell of."""
    return _guards_in.sub("", cell)
