"""Read the first visible sheet of an OpenDocument file that has content: one pass over ``content.xml``.

No library reports hidden rows and columns, formulas and merged cells of this format within a limit of memory.
Without Django: the child process imports this module.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from apps.batches.cells import DateText
from apps.batches.reading.codes import shown_code
from apps.batches.reading.limits import COUNTED_ROWS, Limits
from apps.batches.reading.lost import NO_RESULT, UNKNOWN_ERROR, is_error
from apps.batches.reading.package import is_encrypted_open_document, parse
from apps.batches.reading.sheet import MAX_MERGES, TEMPLATE_NOTES, Merge, Sheet, number_text
from apps.batches.reading.table import FindingCode, NotReadable, TableFault

_ODF: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE: Final = f"{_ODF}table:1.0 "
_OFFICE: Final = f"{_ODF}office:1.0 "
_TEXT: Final = f"{_ODF}text:1.0 "
_STYLE: Final = f"{_ODF}style:1.0 "
_VALUE_TYPE: Final = f"{_OFFICE}value-type"
_CALC_VALUE_TYPE: Final = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_CELL: Final = f"{_TABLE}table-cell"
_COVERED: Final = f"{_TABLE}covered-table-cell"
_PARAGRAPH: Final = f"{_TEXT}p"
# Parts of a paragraph that do not belong to its text: notes, and how Japanese names are read.
_LEFT_OUT: Final = frozenset({f"{_OFFICE}annotation", f"{_TEXT}note", f"{_TEXT}ruby-text"})
_BLANKS: Final = re.compile("[ \t\r\n]+")
_TIME: Final = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")
_MACROS: Final = ("Basic/", "Scripts/")


def read_ods(package: zipfile.ZipFile, limits: Limits) -> Sheet:
    """The cells of the sheet, and what was found. Raises :class:`NotReadable`."""
    if is_encrypted_open_document(package):
        raise NotReadable(TableFault.HAS_PASSWORD)
    reading = _Reading(limits)
    parse(package, "content.xml", reading.prepare)
    sheet = reading.chosen()
    names = package.namelist()
    has_macros = any(
        name.startswith(_MACROS) and not name.endswith(("/", "script-lc.xml", "script-lb.xml"))
        for name in names
    )
    sheet.found[FindingCode.MACROS] = int(has_macros)
    return sheet


@dataclass(slots=True)
class _Table:
    """A sheet while it is read. Its cells are kept only if it may be the chosen one."""

    name: str
    is_visible: bool
    sheet: Sheet = field(default_factory=lambda: Sheet(numbers=set()))
    columns: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    content_rows: int = 0
    widest: int = 0


@dataclass(slots=True)
class _Cell:
    """A cell while it is read."""

    attributes: dict[str, str]
    paragraphs: list[str] = field(default_factory=list)


class _Reading:
    """The handlers of one pass."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._path: list[str] = []
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._tables: list[_Table] = []
        self._table: _Table | None = None
        self._row = 0  # the last row before the current one
        self._row_repeat = 1
        self._row_is_hidden = self._row_has_content = False
        self._cells: list[tuple[int, str, bool]] = []  # column, text, whether it is a number
        self._column = 0
        self._style_columns = 0
        self._cell: _Cell | None = None
        self._left_out = 0
        self._text: list[str] | None = None

    def prepare(self, parser: expat.XMLParserType) -> None:
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def chosen(self) -> Sheet:
        """The first visible sheet with content."""
        filled = [table for table in self._tables if table.content_rows]
        table = next((table for table in filled if table.is_visible), None)
        if table is None:
            raise NotReadable(TableFault.EMPTY if self._tables else TableFault.NOT_A_TABLE)
        if table.widest > self._limits.columns:
            raise NotReadable(TableFault.TOO_MANY_COLUMNS, table.widest)
        if table.content_rows > self._limits.lines + 1:  # one may be the example of the template
            raise NotReadable(TableFault.TOO_MANY_ROWS, min(table.content_rows, COUNTED_ROWS))
        found = table.sheet.found
        found[FindingCode.OTHER_SHEETS] = sum(
            one is not table and one.name != TEMPLATE_NOTES for one in filled
        )
        found[FindingCode.HIDDEN_COLUMNS] = sum(
            any(first <= column <= last for first, last in table.hidden_columns) for column in table.columns
        )
        found[FindingCode.MERGED_CELLS] = len(table.sheet.merges)
        return table.sheet

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if self._left_out or name in _LEFT_OUT:
            self._left_out += 1
        elif self._text is not None:
            self._text.append(_sign(name, attributes, self._limits.cell))
        elif name in {_CELL, _COVERED}:
            self._cell = _Cell(attributes)
        elif name == _PARAGRAPH:
            if self._cell is not None and len(self._path) > 1 and self._path[-2] in {_CELL, _COVERED}:
                self._text = []
        elif name == f"{_TABLE}table-row":
            self._row_repeat = _repeats(attributes, "number-rows-repeated")
            self._row_is_hidden = attributes.get(f"{_TABLE}visibility") in {"collapse", "filter"}
            self._cells, self._column, self._row_has_content = [], 0, False
        elif name == f"{_TABLE}table-column":
            self._start_column(attributes)
        elif name == f"{_TABLE}table":
            self._start_table(attributes)
        elif name == f"{_STYLE}style":
            self._style = attributes.get(f"{_STYLE}name", "")
        elif name == f"{_STYLE}table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self._hidden_styles.add(self._style)

    def _end(self, name: str) -> None:
        self._path.pop()
        if self._left_out:
            self._left_out -= 1
        elif name == _PARAGRAPH and self._text is not None:
            if self._cell is not None:
                self._cell.paragraphs.append("".join(self._text).strip(" ").replace("\0", " "))
            self._text = None
        elif name in {_CELL, _COVERED}:
            self._end_cell()
        elif name == f"{_TABLE}table-row":
            self._end_row()
        elif name == f"{_TABLE}table":
            self._table = None

    def _characters(self, text: str) -> None:
        if self._text is not None and not self._left_out:
            self._text.append(_BLANKS.sub(" ", text))

    def _start_table(self, attributes: dict[str, str]) -> None:
        if self._table is not None:
            raise NotReadable(TableFault.TOO_COMPLEX)  # a table in a cell
        style = attributes.get(f"{_TABLE}style-name", "")
        self._table = _Table(attributes.get(f"{_TABLE}name", ""), style not in self._hidden_styles)
        self._tables.append(self._table)
        self._row = self._style_columns = 0

    def _start_column(self, attributes: dict[str, str]) -> None:
        repeat = _repeats(attributes, "number-columns-repeated")
        if self._table is not None and attributes.get(f"{_TABLE}visibility") in {"collapse", "filter"}:
            self._table.hidden_columns.append((self._style_columns, self._style_columns + repeat - 1))
        self._style_columns += repeat

    def _end_cell(self) -> None:
        cell, self._cell = self._cell, None
        if cell is None or self._table is None:
            return
        attributes, repeat = cell.attributes, _repeats(cell.attributes, "number-columns-repeated")
        first, self._column = self._column, self._column + repeat
        found, shown = self._table.sheet.found, "\n".join(cell.paragraphs)
        kind, count = attributes.get(_VALUE_TYPE, ""), repeat * self._row_repeat
        is_formula = f"{_TABLE}formula" in attributes
        has_no_result = is_formula and not kind and not shown
        found[FindingCode.FORMULAS] += count if is_formula else 0
        found[FindingCode.FORMULAS_WITHOUT_RESULT] += count if has_no_result else 0
        if has_no_result:
            text, is_number = NO_RESULT, False
        elif attributes.get(_CALC_VALUE_TYPE) == "error" or (is_formula and is_error(shown)):
            text, is_number = shown if is_error(shown) else UNKNOWN_ERROR, False
        else:
            text, is_number = _value(kind, attributes, shown)
        if not text or text.isspace():
            return
        self._table.widest = max(self._table.widest, self._column)
        self._row_has_content = True
        kept = min(repeat, max(0, self._limits.columns - first))
        self._cells += [(column, text, is_number) for column in range(first, first + kept)]
        rows = _repeats(attributes, "number-rows-spanned")
        if rows > 1:
            if len(self._table.sheet.merges) >= MAX_MERGES:
                raise NotReadable(TableFault.TOO_COMPLEX)
            self._table.sheet.merges.append(Merge(self._row + 1, self._row + rows, first))

    def _end_row(self) -> None:
        table = self._table
        if table is None:
            return
        first, repeat = self._row + 1, self._row_repeat
        self._row += repeat
        if not self._row_has_content:
            return
        table.content_rows += repeat
        table.sheet.found[FindingCode.HIDDEN_ROWS] += repeat if self._row_is_hidden else 0
        table.columns.update(column for column, _text, _is_number in self._cells)
        room = self._limits.lines + 1 - len(table.sheet.rows)
        width = self._cells[-1][0] + 1 if self._cells else 0
        for number in range(first, first + max(0, min(repeat, room))):
            texts = [""] * width
            for column, text, is_number in self._cells:
                texts[column] = text
                if is_number and table.sheet.numbers is not None:
                    table.sheet.numbers.add((number, column))
            table.sheet.rows[number] = texts


def _sign(name: str, attributes: dict[str, str], longest: int) -> str:
    """The characters for which an element of a paragraph stands.

    Blanks are NUL, which XML excludes, until the blanks at both ends of the XML's text are removed.
    """
    if name == f"{_TEXT}s":
        return "\0" * min(_number(attributes.get(f"{_TEXT}c", "1")), longest)
    return {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}.get(name, "")


def _value(kind: str, attributes: dict[str, str], shown: str) -> tuple[str, bool]:
    """The text of a cell, and whether it is a number."""
    if kind in {"float", "percentage", "currency"}:
        number = float(attributes[f"{_OFFICE}value"])
        text = number_text(number)
        code = shown_code(text, shown) if text.isdecimal() and kind == "float" else ""
        return (code, False) if code else (text, True)
    if kind == "date":
        day, _mark, time = attributes[f"{_OFFICE}date-value"].partition("T")
        time = time.partition(".")[0]
        return DateText(f"{day} {time}" if time.strip("0:") else day), False
    if kind == "time":
        found = _TIME.fullmatch(attributes.get(f"{_OFFICE}time-value", ""))
        return DateText(":".join(found.groups()) if found else shown), False
    if kind == "boolean":
        return attributes.get(f"{_OFFICE}boolean-value", "").upper(), False
    return attributes.get(f"{_OFFICE}string-value", shown), False


def _repeats(attributes: dict[str, str], name: str) -> int:
    return max(1, _number(attributes.get(f"{_TABLE}{name}", "1")))


def _number(text: str) -> int:
    """Raises ``ValueError`` for a text that is not a possible count."""
    if len(text) > 9:
        raise ValueError
    return int(text)
