"""No cell becomes a formula, and every text comes back as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.core.spreadsheet import protect, restore

STARTS = [*"=+-@", "\t", "\r", "\n", *"＝＋－＠", *"﹦﹢﹣﹫"]
UNSEEN = [
    "",
    " ",
    "   ",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u3000",
    "\u2007",
    "\u202e",
    "\x00",
    "\x0b",
]
TEXTS = (
    st.text(st.sampled_from([*STARTS, *filter(lambda unseen: len(unseen) == 1, UNSEEN), "'", "a", "1", "é"]))
    | st.text()
)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", UNSEEN)
def test_what_could_be_a_formula_gets_one_apostrophe(before: str, start: str) -> None:
    text = f"{before}{start}cmd|'/c calc'!A0"
    assert protect(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "Ida", "1.5", "a=b", "a@b.ie", "O'Brien", " Ida", "\u200bIda", "(1)", "–5"]
)
def test_what_cannot_be_one_stays_as_it_is(text: str) -> None:
    assert protect(text) == text


@pytest.mark.parametrize("text", ["'", "''", "'Ida", "'=1"])
def test_an_apostrophe_of_its_own_gets_one_more(text: str) -> None:
    assert protect(text) == f"'{text}"


@given(TEXTS)
@example("'=1")
def test_removing_one_apostrophe_restores_every_text(text: str) -> None:
    assert restore(protect(text)) == text


@given(TEXTS)
def test_no_cell_begins_with_what_begins_a_formula(text: str) -> None:
    seen = protect(text).lstrip("".join(UNSEEN))
    assert not seen.startswith(tuple(STARTS))


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_a_row_comes_back_through_a_csv_file(texts: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(map(protect, texts))
    file.seek(0)
    [row] = csv.reader(file)
    assert [*map(restore, row)] == texts
