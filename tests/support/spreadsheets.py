"""Read the rows of an Excel file from its XML."""

from __future__ import annotations

import datetime as dt
import io
import re
import xml.etree.ElementTree as ET
import zipfile

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


_FORMATS = {"3": "date and time", "4": "date", "5": "number"}
_DAY_0 = dt.datetime(1899, 12, 30)  # noqa: DTZ001  # Excel has no zones


def from_xlsx(data: bytes, columns: int) -> list[list[str]]:
    """The rows of all sheets with rows, without their headers, read from the XML. Every value is a text here.

    Fails if a cell is neither an inline text nor a number, a date or a time.
    """
    rows = []
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        for name in file.namelist():
            if not name.startswith("xl/worksheets/sheet"):
                continue
            for line in list(ET.fromstring(file.read(name)).iter(f"{_SHEET}row"))[1:]:
                cells = [""] * columns
                for cell in line:
                    cells[_number(cell.get("r", ""), line.get("r", ""))] = _value(cell)
                rows.append(cells)
    return rows


def _value(cell: ET.Element) -> str:
    if cell.get("t") != "inlineStr":
        [_cell, value] = cell.iter()
        assert value.tag == f"{_SHEET}v"
        assert cell.get("t") is None
        return _typed(value.text or "", cell.get("s", ""))
    [_cell, _is, part] = cell.iter()
    assert (_is.tag, part.tag) == (f"{_SHEET}is", f"{_SHEET}t")
    text = part.text or ""
    assert text == text.strip(" \t\r\n") or part.get(_SPACE) == "preserve"
    return decoded("".join(cell.itertext()))


def _typed(text: str, style: str) -> str:
    if _FORMATS[style] == "number":
        return str(int(text))
    moment = _DAY_0 + dt.timedelta(seconds=round(float(text) * 86_400))
    return f"{moment:%Y-%m-%d}" if _FORMATS[style] == "date" else f"{moment:%Y-%m-%d %H:%M:%S}"


def decoded(text: str) -> str:
    """The text with each _xHHHH_ decoded to its character (ECMA-376 part 1, 22.9.2.19)."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _number(place: str, line: str) -> int:
    assert place.endswith(line)
    number = 0
    for letter in place.removesuffix(line):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
