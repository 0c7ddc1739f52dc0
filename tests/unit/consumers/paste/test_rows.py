"""Rows of a spreadsheet in every shape: delimiters, quotes, headers, and what is no row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consumers.paste.columns import known_headers
from apps.consumers.paste.rows import NotOneRow, RowFault, header_key, read_row

KNOWN = frozenset(known_headers(("LOY",)))
CELLS = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=2, max_size=9)


@pytest.mark.parametrize(
    ("text", "cells", "headers"),
    [
        ("Ida\tClean\t", ("Ida", "Clean", ""), None),
        ("\tIda\t\tClean\r\n", ("", "Ida", "", "Clean"), None),
        ("Ida;Clean, née Dirty", ("Ida", "Clean, née Dirty"), None),
        ("Ida, Clean", ("Ida", " Clean"), None),
        ("Ida", ("Ida",), None),
        ('"Clean; née Dirty";Ida', ("Clean; née Dirty", "Ida"), None),
        ('Ida\t"two\nlines"\t"a ""b"""', ("Ida", "two\nlines", 'a "b"'), None),
        ('"Bob" Builder\tIda', ('"Bob" Builder', "Ida"), None),  # not a quoted cell: copied as it is
        ('5" pipe\t6"', ('5" pipe', '6"'), None),
        ('"never closed\tIda', ('"never closed', "Ida"), None),
        ("Ad\tBakker", ("Ad", "Bakker"), None),  # a Turkish header, a Dutch name
        ("First name\tSURNAME\nIda\tClean", ("Ida", "Clean"), ("First name", "SURNAME")),
        (
            "\n\nfirstName,E-mail 2\n\nIda,i@example.com\n",
            ("Ida", "i@example.com"),
            ("firstName", "E-mail 2"),
        ),
        ("Surname\tShoe size\nClean\t38", ("Clean", "38"), ("Surname", "Shoe size")),
        ("LOY\nL-1", ("L-1",), ("LOY",)),
        ("Surname\nClean\tIda", ("Clean", "Ida"), ("Surname", "")),
        ("Surname\tTitle\nClean", ("Clean", ""), ("Surname", "Title")),
    ],
)
def test_row_is_read_in_every_shape(
    text: str, cells: tuple[str, ...], headers: tuple[str, ...] | None
) -> None:
    row = read_row(text, known_headers=KNOWN)
    assert (row.cells, row.headers) == (cells, headers)


@given(cells=CELLS, delimiter=st.sampled_from("\t;,"))
def test_quoted_cells_come_back_whatever_they_contain(cells: list[str], delimiter: str) -> None:
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    try:
        row = read_row(delimiter.join(quoted), known_headers=frozenset())
    except NotOneRow:
        assert not any(cell.strip() for cell in cells)
        return
    assert row.cells == tuple(cells)


@given(cells=CELLS)
def test_cells_between_tabs_come_back_as_they_are(cells: list[str]) -> None:
    plain = [cell.replace('"', "'") for cell in cells]
    try:
        row = read_row("\t".join(plain), known_headers=frozenset())
    except NotOneRow:
        assert not any(cell.strip() for cell in plain)
        return
    assert row.cells == tuple(plain)


@pytest.mark.parametrize(
    ("text", "fault", "count"),
    [
        ("a\tb\nc\td", RowFault.SEVERAL_ROWS, 2),
        ("Surname\nClean\nOther", RowFault.SEVERAL_ROWS, 2),
        ("\t\n", RowFault.SEVERAL_ROWS, 0),
        ("First name\tSurname", RowFault.ONLY_HEADERS, 2),
        ("a" + "\tb" * 40, RowFault.TOO_MANY_COLUMNS, 41),
        ("a" * 20_001, RowFault.TOO_LONG, 20_001),
    ],
    ids=lambda one: one if isinstance(one, RowFault) else "",
)
def test_text_that_is_not_one_row_says_why(text: str, fault: RowFault, count: int) -> None:
    with pytest.raises(NotOneRow) as refused:
        read_row(text, known_headers=KNOWN)
    assert (refused.value.fault, refused.value.count) == (fault, count)


def test_headers_are_compared_without_case_signs_and_numbers() -> None:
    keys = {header_key(one) for one in ("E-Mail", "email 2", "EMAIL", "e_mail (optional)", " Email: ")}
    assert keys == {"email"}
    assert {header_key(one) for one in ("Né(e) le", "NE(E) LE", "né e le")} == {"neele"}
    assert {header_key(one) for one in ("DOB", "DOB (DD/MM/YYYY)", "dob (TT.MM.JJJJ)")} == {"dob"}
    assert header_key("Passport (expiry)") != header_key("Passport")
