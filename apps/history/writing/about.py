"""The About sheet of an Excel file: what the export is, and a checksum of its rows."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.export.excel import MAIN, SHEET_END, XML, Style, number_cell, sheet_row, text_cell
from apps.history.writing.cells import Kind, kind_of
from apps.history.writing.layout import Layout

NAME: Final = "About"

_TYPES: Final = {
    Kind.TEXT: gettext_lazy("text"),
    Kind.UUID: gettext_lazy("text"),
    Kind.NUMBER: gettext_lazy("number"),
    Kind.FLAG: gettext_lazy("text: true or false"),
    Kind.MOMENT: gettext_lazy("date and time, to the second"),
    Kind.DATE: gettext_lazy("date"),
}


def about_sheet(layout: Layout, *, rows: int, unreadable: int, sha256: str) -> bytes:
    """The sheet's XML. ``sha256``: of the XML of all sheets with rows, one after the other."""
    facts: list[tuple[str, str | int]] = [
        *layout.facts,
        (_("Time zone of times"), layout.time_zone),
        (_("Rows"), rows),
    ]
    if unreadable:
        facts.append((_("Rows whose personal data could not be read"), unreadable))
    facts += [
        (_("SHA-256 of the rows"), sha256),
        (_("Verify the rows with"), "unzip -p FILE 'xl/worksheets/sheet*.xml' | sha256sum"),
        (
            _("Note"),
            _(
                "The checksum of the whole file is on the page of the export. Saving the file in a"
                " spreadsheet changes both. Dates before 1 March 1900 are text."
            ),
        ),
    ]
    lines = [_line(number, label, value) for number, (label, value) in enumerate(facts, 1)]
    first = len(lines) + 2
    heads = (_("Column"), _("Name in CSV and JSON Lines"), _("Type"))
    lines.append(
        sheet_row(
            first,
            [text_cell(f"{at}{first}", head, Style.HEADING) for at, head in zip("ABC", heads, strict=True)],
        )
    )
    for number, (key, heading) in enumerate(zip(layout.columns, layout.headings, strict=True), first + 1):
        cells = (heading, key, str(_TYPES[kind_of(key)]))
        lines.append(
            sheet_row(
                number, [text_cell(f"{at}{number}", text) for at, text in zip("ABC", cells, strict=True)]
            )
        )
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate((44, 70, 30), 1)
    )
    head = f'{XML}<worksheet xmlns="{MAIN}"><cols>{widths}</cols><sheetData>'
    return f"{head}{''.join(lines)}{SHEET_END}".encode()


def _line(number: int, label: str, value: str | int) -> str:
    cell_ref = f"B{number}"
    cell = number_cell(cell_ref, value) if isinstance(value, int) else text_cell(cell_ref, value)
    return sheet_row(number, [text_cell(f"A{number}", label, Style.HEADING), cell])
