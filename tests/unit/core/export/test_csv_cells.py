"""No cell becomes a formula, and every text is preserved."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.core.export.csv_cells import GUARD, PARTED_BY, protect, restore

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
    st.text(st.sampled_from([*STARTS, *filter(lambda unseen: len(unseen) == 1, UNSEEN), *"'\",;a1é"]))
    | st.text()
)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", UNSEEN)
def test_possible_formula_gets_one_apostrophe(before: str, start: str) -> None:
    text = f"{before}{start}cmd|'/c calc'!A0"
    assert protect(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "Ida", "1.5", "a=b", "a@b.ie", "O'Brien", " Ida", "\u200bIda", "(1)", "–5"]
)
def test_other_text_is_unchanged(text: str) -> None:
    assert protect(text) == text


@pytest.mark.parametrize("text", ["'", "''", "'Ida", "'=1"])
def test_leading_apostrophe_gets_one_more(text: str) -> None:
    assert protect(text) == f"'{text}"


@given(TEXTS)
@example("'=1")
def test_removing_one_apostrophe_restores_every_text(text: str) -> None:
    assert restore(protect(text)) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a\n=1", "a\n'=1"),
        ("a\r\n+1", "a\r\n'+1"),
        ("a\r\u00a0@b", "a\r'\u00a0@b"),
        ('a\n"=1', "a\n'\"=1"),
        ("a\n\tb", "a\n'\tb"),
        ("a;=1", "a;'=1"),
        ("a; +1, -1", "a;' +1,' -1"),
        ("a\t=1", "a\t'=1"),
        ("\t=1", "'\t'=1"),
        ("a,'b", "a,''b"),
        ("a, 'b;c", "a, 'b;c"),
        ("a\n'b", "a\n''b"),
        ("=a\n=b", "'=a\n'=b"),
        ("a\n\nb\n", "a\n\nb\n"),
        ("a\nb = c", "a\nb = c"),
    ],
)
def test_each_line_of_a_cell_is_guarded(text: str, cell: str) -> None:
    assert protect(text) == cell
    assert restore(cell) == text


def test_leading_invisible_characters_are_ignored() -> None:
    unseen = {"Cc", "Cf", "Zs", "Zl", "Zp"}
    every = map(chr, range(sys.maxunicode + 1))
    odd = [
        character
        for character in every
        if (protect(f"{character}=") != f"{character}=")
        is not (unicodedata.category(character) in unseen or character in [*STARTS, *PARTED_BY, GUARD])
    ]
    assert odd == []


@given(TEXTS)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    seen = protect(text).lstrip("".join(UNSEEN))
    assert not seen.startswith(tuple(STARTS))


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_row_round_trips_through_a_csv_file(texts: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(map(protect, texts))
    file.seek(0)
    [row] = csv.reader(file)
    assert [*map(restore, row)] == texts
