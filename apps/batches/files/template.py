"""The template of a list: a column for each field, with an example that is not read."""

from __future__ import annotations

import io
from typing import Final

from django.utils.translation import gettext

from apps.batches.reading.sheet import EXAMPLE_MARK
from apps.consumers.fields import FIELD_LABELS
from apps.core.export.csv_cells import BYTE_ORDER_MARK, quote
from apps.core.export.excel import Sheet, Style, begin_package, end_package, letters, sheet_head, text_cell
from apps.core.export.formats import Format
from apps.core.export.zip_stream import ZipStream

_WIDTH: Final = 20
_EXAMPLES: Final = {
    "first_name": "Ada",
    "last_name": "Kingsley",
    "gender": "female",
    "date_of_birth": "1991-03-07",
    "emails": "ada@example.com",
    "phone_numbers": "+353 87 123 4567",
    "country": "Ireland",
}
_TWICE: Final = ("emails", "phone_numbers")


def template(format_: Format, providers: tuple[str, ...]) -> bytes:
    """The file, as Excel or CSV. ``providers``: the identifier providers on offer, a column each.

    The columns have the labels of the form, so that the portal recognises them. The first cell of the
    example marks it: the portal does not read that row.
    """
    headings, example = _columns(providers)
    if format_ is Format.CSV:
        lines = (",".join(quote(cell, ",") for cell in cells) + "\r\n" for cells in (headings, example))
        return (BYTE_ORDER_MARK + "".join(lines)).encode()
    sink = io.BytesIO()
    archive = ZipStream(sink.write)
    begin_package(archive)
    archive.begin("xl/worksheets/sheet1.xml")
    # Texts, so that the zeros of phone numbers stay.
    archive.write(sheet_head(headings, [(_WIDTH, Style.TEXT)] * len(headings), is_first=True).encode())
    cells = "".join(text_cell(f"{letters(at)}2", cell) for at, cell in enumerate(example) if cell)
    archive.write(f'<row r="2">{cells}</row></sheetData></worksheet>'.encode())
    archive.end()
    end_package(archive, [Sheet(gettext("People"), "sheet1.xml")])
    return sink.getvalue()


def _columns(providers: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The headings, and the example below them. The title is first: its cell marks the example."""
    headings, example = [], []
    for name, label in FIELD_LABELS.items():
        if name == "identifiers":
            continue
        for number in (1, 2) if name in _TWICE else (0,):
            headings.append(f"{label} {number}" if number else str(label))
            example.append(_EXAMPLES.get(name, "") if number < 2 else "")
    example[0] = EXAMPLE_MARK
    return (*headings, *providers), (*example, *[""] * len(providers))
