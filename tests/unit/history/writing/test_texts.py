"""Lines that are written together have the quotes and guards of their cells, whoever made them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from apps.core.export.csv_cells import protect, quote
from apps.core.export.formats import Format
from apps.history.writing import SEPARATORS, texts
from apps.history.writing.layout import Layout
from apps.history.writing.texts import Csv
from tests.support.export_files import HOSTILE

# As typed about consumers: phone numbers, several values in a cell, names.
TEXTS = [
    *HOSTILE,
    "+353851234567",
    "+353851234567; +442079460018",
    "a@example.com; =b@example.org",
    "ProfileSystem: 1; \u200b+2; \u00a0@3;-4;;=5",
    "Zoë, 'the first, -second",
    "É",
    "'t Hooft",
    " ",
    " \t+1",
    "\t",
    "(unreadable)",
    '","',
    '"]\n["',
    "\\",
    '\\","',
    "[",
    "a\0b",
]


def copied(row: tuple[str, ...], separator: str) -> bytes:
    """The row as COPY writes it (PostgreSQL manual, COPY, CSV format). An empty cell is null there."""
    cells = [
        '"' + cell.replace('"', '""') + '"' if any(odd in cell for odd in f'{separator}"\r\n') else cell
        for cell in row
    ]
    return (separator.join(cells) + "\n").encode()


def array(*cells: str) -> str:
    """The cells as SQLite's json_array writes them."""
    with closing(sqlite3.connect(":memory:")) as database:
        question_marks = ", ".join("?" * len(cells))
        [text] = database.execute(f"SELECT json_array({question_marks})", cells).fetchone()
    assert json.loads(text) == [*cells]
    return str(text)


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


@pytest.mark.parametrize("format_", [Format.CSV, Format.CSV_EXACT])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_rows_written_together_equal_their_cells_one_by_one(separator: str, format_: Format) -> None:
    layout = Layout(format_, ("order_ref", "person", "outcome"), "UTC", separator)
    without_quotes = [text for text in TEXTS if not set(text) & {*f'{separator}"\r\n\t'}]
    for chosen in (without_quotes, TEXTS):
        rows = [("+1", "", ""), *((text, other, text) for text in chosen for other in ("", "z", text))]
        written: list[bytes] = []
        Csv(layout, written.append).rows(rows)
        assert len(written) == 1
        expected = [
            separator.join(quote(protect(cell) if format_ is Format.CSV else cell, separator) for cell in row)
            for row in rows
        ]
        assert written[0].decode() == "".join(f"{line}\n" for line in expected)
        Csv(layout, written.append).lines([copied(row, separator) for row in rows])
        Csv(layout, written.append).arrays([array(*row) for row in rows], [])
        assert written[1:] == [written[0]] * 2


@pytest.mark.parametrize("format_", [Format.CSV, Format.CSV_EXACT])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_arrays_with_personal_cells_equal_their_rows(separator: str, format_: Format) -> None:
    layout = Layout(format_, ("order_ref", "person", "first_name", "last_name"), "UTC", separator)
    wrong = []
    for text in TEXTS:
        for rows in (
            [("a", "b", "c", "d"), (text, "", "", "d"), ("", text, "c", "")],
            [("a", "b", text, text), ("", "", "", text), (text, text, text, text)],
        ):
            own: list[bytes] = []
            Csv(layout, own.append).rows(rows)
            joined: list[bytes] = []
            Csv(layout, joined.append).arrays([array(*row[:2]) for row in rows], [row[2:] for row in rows])
            if joined != own:
                wrong.append((text, joined, own))
    assert wrong == []


def test_rows_and_arrays_without_quotes_are_not_looked_at_cell_by_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(texts, "protect")
    written: list[bytes] = []
    layout = Layout(Format.CSV, ("order_ref", "person"), "UTC")
    rows = [("+1; +2", "É"), ("", "=1")]
    Csv(layout, written.append).rows(rows)
    monkeypatch.delattr(texts, "orjson")
    Csv(layout, written.append).arrays([array(*row) for row in rows], [])
    personal = Layout(Format.CSV, ("order_ref", "last_name"), "UTC")
    Csv(personal, written.append).arrays([array(row[0]) for row in rows], [row[1:] for row in rows])
    assert written == [b"'+1;' +2,\xc3\x89\n,'=1\n"] * 3
