"""The cells of a row: texts, of which those that were dates or times in a spreadsheet can be told.

Without Django: the child process that reads spreadsheets imports this module.
"""

from __future__ import annotations

from collections.abc import Iterable


class DateText(str):
    """A cell that a spreadsheet stores as a date, a time or a duration, such as ``1991-03-07``.

    It may have been a code such as 12-05. The same text in another cell is what somebody typed.
    """

    __slots__ = ()


def cells_to_json(cells: Iterable[str]) -> list[str | list[str]]:
    """The cells of a row for JSON: a text is a text, a :class:`DateText` a list of one."""
    return [[cell] if isinstance(cell, DateText) else cell for cell in cells]


def cells_from_json(cells: Iterable[str | list[str]]) -> tuple[str, ...]:
    """The cells that :func:`cells_to_json` returned."""
    return tuple(DateText(cell[0]) if isinstance(cell, list) else cell for cell in cells)
