"""What a table may have at most. Without Django: the child process imports this module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_COLUMNS: Final = 100
MAX_CELL: Final = 5_000
"""Characters of a cell: far above each field of the form, far below the size limit of a file."""
MAX_ROW: Final = 1_048_576
"""The last row that a sheet has in any spreadsheet program."""
COUNTED_ROWS: Final = 10_000
"""Above so many rows with content, the rest is not counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one file.

    ``rows``: consumers, without the line of headers. ``characters``: of all cells together; merged cells
    and shared texts can make them many more than the file has bytes.
    """

    rows: int
    characters: int
    columns: int = MAX_COLUMNS
    cell: int = MAX_CELL

    @property
    def lines(self) -> int:
        """The rows with content that a table may have, with its headers."""
        return self.rows + 1
