"""Read the rows of an Excel file from its XML."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def from_xlsx(data: bytes, columns: int) -> list[list[str]]:
    """The rows of all sheets without their headers, read from the XML: each cell is an inline text."""
    rows = []
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        for name in file.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            for line in list(ET.fromstring(file.read(name)).iter(f"{_SHEET}row"))[1:]:
                cells = [""] * columns
                for cell in line:
                    assert cell.get("t") == "inlineStr"
                    [_cell, _is, part] = cell.iter()
                    assert (_is.tag, part.tag) == (f"{_SHEET}is", f"{_SHEET}t")
                    text = part.text or ""
                    assert text == text.strip(" \t\r\n") or part.get(_SPACE) == "preserve"
                    cells[_number(cell.get("r", ""), line.get("r", ""))] = decoded("".join(cell.itertext()))
                rows.append(cells)
    return rows


def decoded(text: str) -> str:
    """The text with each _xHHHH_ decoded to its character (ECMA-376 part 1, 22.9.2.19)."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _number(place: str, line: str) -> int:
    assert place.endswith(line)
    number = 0
    for letter in place.removesuffix(line):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
