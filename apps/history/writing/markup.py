"""The cells of an Excel file by the kind of their column."""

from __future__ import annotations

from typing import Final

from apps.core.export.excel import Style
from apps.history.writing.cells import Kind

TEXTS: Final = (Kind.TEXT, Kind.UUID, Kind.FLAG)
"""The kinds whose cells are texts. Cells of all others are numbers, except those after ``AS_TEXT``.

A cell of type boolean is not used: LibreOffice reads it as the formula ``=TRUE()``.
"""
STYLES: Final = {
    Kind.TEXT: Style.TEXT, Kind.UUID: Style.TEXT, Kind.MOMENT: Style.MOMENT, Kind.DATE: Style.DATE,
    Kind.NUMBER: Style.NUMBER, Kind.FLAG: Style.TEXT,
}  # fmt: skip
WIDTHS: Final = {
    Kind.TEXT: 20, Kind.UUID: 38, Kind.MOMENT: 20, Kind.DATE: 12, Kind.NUMBER: 12, Kind.FLAG: 12
}  # fmt: skip


def around(kind: Kind) -> tuple[str, str]:
    """The XML between the row's number and the content of a cell of this kind, and the XML after it."""
    if kind in TEXTS:
        return f'" s="{STYLES[kind]}" t="inlineStr"><is><t>', "</t></is></c>"
    return f'" s="{STYLES[kind]}"><v>', "</v></c>"
