"""What an Excel sheet has besides values, and how far its content reaches, by one pass over its XML.

openpyxl cannot read formulas and their results at the same time, and reserves memory for the extent that a
sheet claims. So this pass comes first. Without Django: the child process imports this module.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from xml.parsers import expat

from apps.batches.reading.limits import COUNTED_ROWS, MAX_COLUMNS, MAX_ROW, Limits
from apps.batches.reading.package import parse
from apps.batches.reading.sheet import MAX_MERGES, Merge
from apps.batches.reading.table import FindingCode, NotReadable, TableFault

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")
_HAS_VALUE: Final = frozenset({"v", "t"})
_HAS_TEXT: Final = frozenset({"inlineStr", "str"})


@dataclass(slots=True)
class Facts:
    """Where a sheet has content, and what else it has. Rows count from 1, columns from 0.

    ``without_result``: row and column of the formulas whose results the file does not have. They are content,
    which may be blank. ``encoded``: those of the texts that are in the sheet itself and may have codes of
    characters, such as ``_x000B_``. ``is_disordered``: rows with content are not in the order of their
    numbers, or two of them have the same number, or two cells have the same coordinates. openpyxl drops one
    of the two.
    """

    content_rows: int = 0
    last_row: int = 0
    columns: set[int] = field(default_factory=set)
    without_result: set[tuple[int, int]] = field(default_factory=set)
    encoded: set[tuple[int, int]] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)
    found: Counter[FindingCode] = field(default_factory=Counter)
    is_disordered: bool = False

    def check(self, limits: Limits) -> None:
        """Raise :class:`NotReadable` if the content is disordered, or reaches further than a table may."""
        if self.is_disordered:
            raise NotReadable(TableFault.DAMAGED)
        if self.columns and max(self.columns) >= limits.columns:
            raise NotReadable(TableFault.TOO_MANY_COLUMNS, max(self.columns) + 1)
        if self.last_row > MAX_ROW:  # each row up to it is counted when its cells are read
            raise NotReadable(TableFault.TOO_COMPLEX)
        if self.content_rows > limits.lines + 1:  # one may be the example of the template
            raise NotReadable(TableFault.TOO_MANY_ROWS, self.content_rows)


def facts_of(package: zipfile.ZipFile, name: str, blank_texts: frozenset[str]) -> Facts:
    """The facts of the sheet in this member.

    ``blank_texts``: the numbers of the shared texts that are blank; some programs write them into each empty
    cell. Raises :class:`NotReadable` for broken XML, and for more than :data:`COUNTED_ROWS` rows.
    """
    reading = _Reading(blank_texts)
    parse(package, name, reading.prepare)
    return reading.facts()


class _Reading:
    """The handlers of one pass."""

    def __init__(self, blank_texts: frozenset[str]) -> None:
        self._blank_texts = blank_texts
        self._facts = Facts()
        self._hidden_columns: list[tuple[int, int]] = []
        self._row = 0
        self._row_is_hidden = False
        self._last_row = 0  # the highest number of the rows before this one
        self._columns: set[int] = set()  # those of this row with content
        self._column = -1
        self._kind = ""
        self._has_formula = False
        self._in_value = False
        self._value = ""
        self._may_have_codes = False

    def prepare(self, parser: expat.XMLParserType) -> None:
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def facts(self) -> Facts:
        facts = self._facts
        facts.found[FindingCode.HIDDEN_COLUMNS] = sum(
            any(first <= column <= last for first, last in self._hidden_columns) for column in facts.columns
        )
        facts.found[FindingCode.MERGED_CELLS] = len(facts.merges)
        return facts

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.removeprefix(_MAIN)
        if kind == "c":
            column = attributes.get("r", "").rstrip("0123456789")
            self._column = _column_number(column) if column else self._column + 1
            self._kind = attributes.get("t", "n")
            self._has_formula, self._value, self._may_have_codes = False, "", False
        elif kind in _HAS_VALUE:
            self._in_value = True
        elif kind == "f":
            self._has_formula = True
        elif kind == "row":
            self._last_row = max(self._last_row, self._row)
            self._row = int(attributes["r"]) if "r" in attributes else self._row + 1
            self._row_is_hidden = attributes.get("hidden") in {"1", "true"}
            self._columns, self._column = set(), -1
        elif kind == "col":
            if attributes.get("hidden") in {"1", "true"}:
                self._hidden_columns.append((int(attributes["min"]) - 1, int(attributes["max"]) - 1))
        elif kind == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _end(self, name: str) -> None:
        kind = name.removeprefix(_MAIN)
        if kind == "c":
            self._end_cell()
        elif kind in _HAS_VALUE:
            self._in_value = False
        elif kind == "row" and self._columns:
            self._facts.is_disordered |= self._row <= self._last_row
            self._facts.content_rows += 1
            self._facts.last_row = max(self._facts.last_row, self._row)
            self._facts.found[FindingCode.HIDDEN_ROWS] += self._row_is_hidden
            if self._facts.content_rows > COUNTED_ROWS:
                raise NotReadable(TableFault.TOO_MANY_ROWS, COUNTED_ROWS)

    def _text(self, text: str) -> None:
        if self._in_value:
            self._may_have_codes |= "_" in text
            if len(self._value) < 20:
                self._value += text[:20]

    def _end_cell(self) -> None:
        self._facts.is_disordered |= self._column in self._columns  # also a blank cell replaces another
        value = self._value.strip()
        # A formula whose result is an empty text has the kind "str" and no value.
        has_no_result = self._has_formula and not value and self._kind != "str"
        if self._has_formula:
            self._facts.found[FindingCode.FORMULAS] += 1
        if has_no_result:
            self._facts.found[FindingCode.FORMULAS_WITHOUT_RESULT] += 1
            if self._column < MAX_COLUMNS:
                self._facts.without_result.add((self._row, self._column))
        elif not value or (self._kind == "s" and value in self._blank_texts):
            return
        if self._may_have_codes and self._kind in _HAS_TEXT and self._column < MAX_COLUMNS:
            self._facts.encoded.add((self._row, self._column))
        self._columns.add(self._column)
        self._facts.columns.add(self._column)

    def _merge(self, cell_range: str) -> None:
        found = _RANGE.fullmatch(cell_range)
        if found is None or found[2] == found[4]:
            return  # in one row: the value is in the first of its columns only
        if len(self._facts.merges) >= MAX_MERGES:
            raise NotReadable(TableFault.TOO_COMPLEX)
        self._facts.merges.append(Merge(int(found[2]), int(found[4]), _column_number(found[1])))


@lru_cache(maxsize=20_000)
def _column_number(letters: str) -> int:
    """The number of a column from 0: 0 for A, 26 for AA. Raises ``ValueError``."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z" or len(letters) > 3:
            raise ValueError
        number = number * 26 + ord(letter) - 64
    return number - 1
