"""Lines that PostgreSQL has made get the guards of those that the portal makes itself."""

from __future__ import annotations

import pytest

from apps.core.export.formats import Format
from apps.history.writing import SEPARATORS
from apps.history.writing.layout import Layout
from apps.history.writing.texts import Csv
from tests.support.export_files import HOSTILE


def copied(row: tuple[str, ...], separator: str) -> bytes:
    """The row as COPY writes it (PostgreSQL manual, COPY, CSV format). An empty cell is null there."""
    cells = [
        '"' + cell.replace('"', '""') + '"' if any(odd in cell for odd in f'{separator}"\r\n') else cell
        for cell in row
    ]
    return (separator.join(cells) + "\n").encode()


@pytest.mark.parametrize("format_", [Format.CSV, Format.CSV_EXACT])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_copied_lines_equal_the_portals_own(separator: str, format_: Format) -> None:
    layout = Layout(format_, ("order_ref", "person", "outcome"), "UTC", separator)
    for text in HOSTILE:
        rows = [("a", "b", "c"), (text, "", "c"), ("", "b", text), ("d", text, text)]
        own: list[bytes] = []
        Csv(layout, own.append).rows(rows)
        guarded: list[bytes] = []
        Csv(layout, guarded.append).lines([copied(row, separator) for row in rows])
        assert guarded == own
