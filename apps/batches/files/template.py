"""The template for a batch: the form's columns with an example, as Excel or CSV. The portal reads it back.

Its cells are formatted as text, so that a spreadsheet keeps zeros and long numbers as they are typed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final, NamedTuple

from django.utils.translation import gettext

from apps.batches.reading.example import EXAMPLE, EXAMPLE_MARK
from apps.batches.reading.sheet import TEMPLATE_NOTES
from apps.consumers.fields import FIELD_LABELS
from apps.core.export.csv_cells import BYTE_ORDER_MARK, csv_line, protect
from apps.core.export.excel import (
    SHEET_END,
    Sheet,
    Style,
    begin_package,
    end_package,
    letters,
    sheet_head,
    sheet_row,
    text_cell,
)
from apps.core.export.formats import Format
from apps.core.export.zip_stream import ZipStream

_WIDTH: Final = 20
_NOTES_WIDTHS: Final = (22, 30, 80)


class _Column(NamedTuple):
    """A column of the template. The example is of a person who does not exist."""

    heading: str
    example: str
    note: str = ""


def template(format_: Format, providers: tuple[str, ...]) -> bytes:
    """The file. It has a column for each of the ``providers``, or two for any provider if there are none.

    ``format_``: Excel or CSV. The second row of a CSV file is the example: the portal leaves it out.
    """
    columns = _columns(providers)
    return _excel(columns) if format_ is Format.XLSX else _csv(columns)


def _columns(providers: tuple[str, ...]) -> list[_Column]:
    label = {name: str(label) for name, label in FIELD_LABELS.items()}
    several = gettext("Add columns with the next numbers for more.")
    email, phone = gettext("Email address"), gettext("Phone number")
    columns = [
        _Column(label["title"], "Ms", gettext("Leave it empty for no title.")),
        _Column(label["first_name"], EXAMPLE["first_name"]),
        _Column(label["last_name"], EXAMPLE["last_name"]),
        _Column(label["gender"], EXAMPLE["gender"], gettext("Female, Male or Unknown, or empty.")),
        _Column(
            label["date_of_birth"],
            EXAMPLE["date_of_birth"],
            gettext("Year, month and day are never mistaken."),
        ),
        _Column(f"{email} 1", EXAMPLE["emails"], several),
        _Column(f"{email} 2", ""),
        _Column(f"{phone} 1", EXAMPLE["phone_numbers"], gettext("With the country code. ") + several),
        _Column(f"{phone} 2", ""),
        _Column(label["nationality"], EXAMPLE["nationality"]),
        _Column(label["passport_number"], EXAMPLE["passport_number"]),
        _Column(
            label["country"], EXAMPLE["country"], gettext("The name of the country, or its two letters.")
        ),
    ]
    if providers:
        return columns + [
            _Column(name, "", gettext("The identifier of this provider.")) for name in providers
        ]
    return [*columns, _Column(gettext("Identifier provider"), ""), _Column(gettext("Identifier ID"), "")]


def _csv(columns: Sequence[_Column]) -> bytes:
    lines = (
        [column.heading for column in columns],
        [EXAMPLE_MARK, *(column.example for column in columns[1:])],
    )
    text = "".join(csv_line(map(protect, line)) for line in lines)
    return (BYTE_ORDER_MARK + text).encode()


def _excel(columns: Sequence[_Column]) -> bytes:
    """A workbook with an empty sheet for the people, and one with the examples, which is not read."""
    sink = io.BytesIO()
    archive = ZipStream(sink.write)
    begin_package(archive)
    people = sheet_head(
        [column.heading for column in columns], [(_WIDTH, Style.TEXT)] * len(columns), is_first=True
    )
    notes = sheet_head(
        [gettext("Column"), gettext("Example"), gettext("Note")],
        [(width, Style.TEXT) for width in _NOTES_WIDTHS],
        is_first=False,
    ) + "".join(_row(number, column) for number, column in enumerate(columns, 2))
    for name, content in (("sheet1.xml", people), ("sheet2.xml", notes)):
        archive.add(f"xl/worksheets/{name}", f"{content}{SHEET_END}".encode())
    end_package(archive, [Sheet(gettext("People"), "sheet1.xml"), Sheet(TEMPLATE_NOTES, "sheet2.xml")])
    return sink.getvalue()


def _row(number: int, cells: Sequence[str]) -> str:
    filled = (text_cell(f"{letters(at)}{number}", cell) for at, cell in enumerate(cells) if cell)
    return sheet_row(number, filled)
