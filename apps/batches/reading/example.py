"""The example of the portal's template, and how it is recognised in a file.

Without Django: the child process imports this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

EXAMPLE_MARK: Final = "#example"
"""The first cell of the row of the template that is an example."""
EXAMPLE: Final = {
    "first_name": "Ida",
    "last_name": "Example",
    "gender": "Female",
    "date_of_birth": "1991-03-07",
    "emails": "ida@example.com",
    "phone_numbers": "+44 20 7946 0000",
    "nationality": "British",
    "passport_number": "X1234567",
    "country": "GB",
}
"""The example by field: a person who does not exist."""

_VALUES: Final = frozenset({value.casefold() for value in EXAMPLE.values()} | {EXAMPLE_MARK})
_BORN: Final = ([3, 7, 91], [3, 7, 1991])


def is_example(cells: Sequence[str]) -> bool:
    """Whether a row is the template's example: with its mark, and with no value of anybody else.

    Somebody who writes a person over the example may leave the mark. Spreadsheets write the date in their own
    way.
    """
    filled = [cell.strip().removeprefix("'").casefold() for cell in cells if cell and not cell.isspace()]
    return EXAMPLE_MARK in filled and all(cell in _VALUES or _is_born(cell) for cell in filled)


def _is_born(text: str) -> bool:
    numbers = sorted(map(int, re.findall(r"[0-9]{1,4}", text)))
    return re.fullmatch(r"[0-9]+(?:[-/. ]+[0-9]+){2}\.?", text) is not None and numbers in _BORN
