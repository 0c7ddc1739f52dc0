"""A table of texts with the row numbers of its file, whatever it was read from.

Without Django at run time: the child process that reads spreadsheets imports this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.batches.models import SourceKind


class FindingCode(StrEnum):
    """What a person has to know about a file that was read. ``count`` of a finding says how many."""

    HIDDEN_ROWS = "hidden_rows"  # were read
    HIDDEN_COLUMNS = "hidden_columns"  # were read
    OTHER_SHEETS = "other_sheets"  # were not read
    MERGED_CELLS = "merged_cells"  # the value is in each of its rows
    FORMULAS = "formulas"  # their stored results were read
    FORMULAS_WITHOUT_RESULT = "formulas_without_result"  # are problems of their rows
    ERROR_VALUES = "error_values"  # cells such as #REF!; they are problems of their rows
    MACROS = "macros"  # were not run
    SHORTENED_NUMBERS = "shortened_numbers"  # 1.23E+11: some digits are lost
    LOST_ZEROS = "lost_zeros"  # numbers in columns with texts that begin with a zero
    ENCODING_GUESSED = "encoding_guessed"  # not UTF-8; ``detail`` is its name
    NUL_REMOVED = "nul_removed"
    ROWS_ABOVE_HEADERS = "rows_above_headers"  # such as the name of the tour; they are not people
    # A spreadsheet with the other order may have made 4 March of 03/04, and left 13/04 as text.
    DATES_MAY_BE_EXCHANGED = "dates_may_be_exchanged"
    UNEVEN_ROWS = "uneven_rows"  # rows with more cells than the headers
    EXAMPLE_ROWS = "example_rows"  # of the portal's template; were not read
    DELIMITER = "delimiter"  # the columns are separated by ``detail``, a key of DELIMITER_NAMES


DELIMITER_NAMES = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
"""The details of :attr:`FindingCode.DELIMITER`, by the delimiter."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``detail``: a code or a name from a fixed set, never a text of the file."""

    code: FindingCode
    count: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class TableRow:
    """One row that is not blank. ``number``: the file's own, from 1. Blanks around a cell are kept."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """All rows of a table, also its headers, each with as many cells as the widest one.

    Dates and times of a spreadsheet are :class:`apps.batches.cells.DateText`. Whole numbers have no decimal
    point.
    """

    source: SourceKind
    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.rows[0].cells) if self.rows else 0


class TableFault(StrEnum):
    """Why a text or file is not a table that the portal reads."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"  # ``count``: the limit in bytes
    TOO_MANY_ROWS = "too_many_rows"  # ``count``: of the file, counted up to COUNTED_ROWS
    TOO_MANY_COLUMNS = "too_many_columns"  # ``count``: of the file
    CELL_TOO_LONG = "cell_too_long"  # ``count``: the row
    NOT_A_TABLE = "not_a_table"  # a format that the portal does not read
    OLD_EXCEL = "old_excel"  # .xls
    HTML = "html"  # a web page named as a spreadsheet
    HAS_PASSWORD = "has_password"  # noqa: S105  # no secret
    DAMAGED = "damaged"
    ENCODING_UNKNOWN = "encoding_unknown"  # a text whose letters cannot be identified
    BUSY = "busy"  # too many files are being read
    TOO_COMPLEX = "too_complex"  # needs more memory or time than a reader may use
    SEVERAL_FORMATS = "several_formats"  # mixed delimiters: the columns cannot be identified


class NotReadable(ValueError):
    """The text or file was not read. Nothing of it was stored."""

    def __init__(self, fault: TableFault, count: int = 0) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.count = count
