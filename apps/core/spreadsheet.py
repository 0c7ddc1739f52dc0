"""Texts in CSV files that spreadsheets open: no cell becomes a formula, and every value can be restored.

The whole rule is here, for every file that the portal writes. JSON Lines and cells of Excel's own text type
need none.
"""

from __future__ import annotations

import unicodedata
from typing import Final

GUARD: Final = "'"
"""What stands in front of a guarded cell; removing one always restores the value."""

# With which a spreadsheet begins a formula, or leaves the cell, and the forms that some take for the same.
_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠﹦﹢﹣﹫")
# Nobody sees them and spreadsheets pass over them: controls, zero-width and other format characters, blanks.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def protect(text: str) -> str:
    """The cell for this text: with an apostrophe in front where it could be taken for a formula.

    So does a text that begins with an apostrophe already, or :func:`restore` would take that one away.
    """
    return GUARD + text if text.startswith(GUARD) or _could_be_formula(text) else text


def restore(cell: str) -> str:
    """The text that :func:`protect` made the cell of."""
    return cell.removeprefix(GUARD)


def _could_be_formula(text: str) -> bool:
    """Whether the first character that can be seen begins a formula; tab, CR and LF count as seen."""
    for character in text:
        if character in _STARTS:
            return True
        if unicodedata.category(character) not in _UNSEEN:
            return False
    return False
