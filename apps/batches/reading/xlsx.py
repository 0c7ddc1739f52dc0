"""Read the first visible sheet of an Excel file that has content.

Without Django: the child process imports this module.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import xml.etree.ElementTree as ET
import zipfile
from typing import Any, Final

import openpyxl

from apps.batches.cells import DateText
from apps.batches.reading.codes import as_code, may_hide_zeros
from apps.batches.reading.limits import Limits
from apps.batches.reading.lost import NO_RESULT, UNKNOWN_ERROR, is_error
from apps.batches.reading.sheet import TEMPLATE_NOTES, Sheet, number_text
from apps.batches.reading.table import FindingCode, NotReadable, TableFault
from apps.batches.reading.xlsx_facts import Facts, facts_of
from apps.batches.reading.xlsx_styles import with_plain_styles
from apps.core.delimited import with_line_feeds

_MACROS: Final = "vbaproject.bin"
_CODE: Final = re.compile("_x([0-9A-Fa-f]{4})_")  # 22.9.2.19; "_x005F_" is the underscore before a code
# openpyxl removes "x005F_" from shared texts, so that codes of other characters may be what somebody typed.
_CODE_OF_CONTROL: Final = re.compile("_x(00[01][0-9A-F]|FFF[EF])_", re.IGNORECASE)


def read_xlsx(content: bytes, package: zipfile.ZipFile, limits: Limits) -> Sheet:
    """The cells of the sheet, and what was found. Raises :class:`NotReadable`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that are not read, such as drop-down lists
        try:
            book = _book(content)
        except NotReadable:
            try:
                book = _book(with_plain_styles(package))
            except (KeyError, ET.ParseError):
                raise NotReadable(TableFault.DAMAGED) from None
        if not book.worksheets:
            raise NotReadable(TableFault.NOT_A_TABLE)  # charts only, or "Strict Open XML"
        chosen, facts, others = _chosen(book, package)
        facts.check(limits)
        sheet = _cells(chosen, facts)
    sheet.found[FindingCode.OTHER_SHEETS] = others
    sheet.found[FindingCode.MACROS] = sum(name.lower().endswith(_MACROS) for name in package.namelist())
    return sheet


def _book(content: bytes) -> Any:
    """The workbook. Raises :class:`NotReadable`: openpyxl raises whatever a broken part causes."""
    try:
        return openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # see above
        raise NotReadable(TableFault.DAMAGED) from None


def _chosen(book: Any, package: zipfile.ZipFile) -> tuple[Any, Facts, int]:
    """The first visible sheet with content, its facts, and the number of the other sheets with content."""
    blank_texts = frozenset(
        str(number) for number, text in enumerate(book.worksheets[0]._shared_strings) if not text.strip()
    )
    by_sheet: list[tuple[Any, Facts]] = []
    for sheet in book.worksheets:
        try:
            facts = facts_of(package, sheet._worksheet_path, blank_texts)
        except NotReadable as error:
            if error.fault is not TableFault.TOO_MANY_ROWS or not by_sheet:
                raise
            facts = Facts(content_rows=error.count)  # a further sheet, however long
        if facts.content_rows:
            by_sheet.append((sheet, facts))
    visible = [(sheet, facts) for sheet, facts in by_sheet if sheet.sheet_state == "visible"]
    if not visible:
        raise NotReadable(TableFault.EMPTY)
    chosen, facts = visible[0]
    others = [sheet for sheet, _facts in by_sheet if sheet is not chosen and sheet.title != TEMPLATE_NOTES]
    return chosen, facts, len(others)


def _cells(worksheet: Any, facts: Facts) -> Sheet:
    sheet = Sheet(numbers=set(), merges=facts.merges, found=facts.found)
    width = max(facts.columns) + 1
    try:
        for number, cells in enumerate(
            worksheet.iter_rows(min_row=1, max_row=facts.last_row, max_col=width), 1
        ):
            texts = [
                NO_RESULT
                if (number, column) in facts.without_result
                else _text(sheet, cell, (number, column), codes=_codes_of((number, column), facts))
                for column, cell in enumerate(cells)
            ]
            if any(texts):
                sheet.rows[number] = texts
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # openpyxl raises whatever a broken part causes
        raise NotReadable(TableFault.DAMAGED) from None
    return sheet


def _codes_of(coordinates: tuple[int, int], facts: Facts) -> re.Pattern[str]:
    return _CODE if coordinates in facts.encoded else _CODE_OF_CONTROL


def _decoded(text: str, codes: re.Pattern[str]) -> str:
    """The text with the characters of these codes, and with line feeds for all breaks of lines.

    NUL and halves of surrogates become the replacement character, which the form refuses.
    """
    if "_x" in text:
        text = codes.sub(lambda found: chr(int(found[1], 16) or 0xFFFD), text)
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return with_line_feeds(text)


def _text(sheet: Sheet, cell: Any, coordinates: tuple[int, int], *, codes: re.Pattern[str]) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        if cell.data_type == "e":
            return value if is_error(value) else UNKNOWN_ERROR
        return _decoded(value, codes)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (dt.datetime, dt.date, dt.time, dt.timedelta)):
        return moment_text(value)
    text = number_text(value)
    pattern = cell.number_format or ""
    if text.isdecimal():
        if code := as_code(text, pattern):
            return code
        sheet.found[FindingCode.LOST_ZEROS] += may_hide_zeros(pattern)
    if sheet.numbers is not None:
        sheet.numbers.add(coordinates)
    return text


def moment_text(value: dt.datetime | dt.date | dt.time | dt.timedelta) -> DateText:
    """A date as in ISO 8601. The time of day follows after a blank unless it is midnight."""
    if isinstance(value, dt.datetime):
        return DateText(value.date() if value.time() == dt.time() else value.isoformat(" ", "seconds"))
    return DateText(value)
