"""Similar rows of a list: the same as the comparison of each row with each earlier one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from apps.batches.checking.row_warnings import similar_row_warnings
from apps.batches.checking.similar_rows import SimilarRow, similar_rows
from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.duplicates.compare import compare
from apps.consumers.duplicates.facts import Facts
from tests.support.pairs_of_people import pairs


def by_comparing_each(rows: Sequence[tuple[int, NewConsumer]]) -> dict[int, tuple[SimilarRow, ...]]:
    facts = [(number, Facts(consumer)) for number, consumer in rows]
    found = {}
    for place, (number, one) in enumerate(facts):
        compared = [SimilarRow(other, compare(one, theirs)) for other, theirs in facts[:place]]
        if similar := tuple(pair for pair in compared if pair.comparison.is_similar):
            found[number] = similar
    return found


def test_every_kind_of_pair_is_found_among_the_others() -> None:
    chosen = random.Random(5)
    for seed in range(3):
        people = [one for pair in chosen.sample(pairs(seed), 60) for one in (pair.entry, pair.other)]
        chosen.shuffle(people)
        rows = list(enumerate(people, start=2))
        assert similar_rows(rows) == by_comparing_each(rows) != {}


def test_every_kind_of_pair_with_one_address_and_no_dates_is_found() -> None:
    chosen = random.Random(6)
    people = [one for pair in chosen.sample(pairs(7), 60) for one in (pair.entry, pair.other)]
    rows = [
        (number, replace(one, emails=("office@example.com",), date_of_birth=None))
        for number, one in enumerate(people, start=2)
    ]
    assert similar_rows(rows) == by_comparing_each(rows) != {}


_WORDS = st.sampled_from(
    ["Anna", "Hanna", "Ann", "A", "Maria", "Müller", "Mueller", "Muller", "Юлия", "Yuliya", "O'Hara", "OHara"]
) | st.sampled_from(["Jr", "-", "ß", "Mohammed", "Muhammad", "", "李", "Li"])
_NAMES = st.lists(_WORDS, max_size=3).map(" ".join)
_PEOPLE = st.builds(
    NewConsumer,
    first_name=_NAMES,
    last_name=_NAMES,
    gender=st.sampled_from(["", "male", "female"]),
    date_of_birth=st.sampled_from([None, date(1990, 2, 1), date(1990, 1, 2), date(1990, 2, 2)]),
    passport_number=st.sampled_from(["", "TBA", "PA12345", "PA12346", "PA99999"]),
    emails=st.sampled_from([(), ("a@example.com",), ("b@example.com", "a@example.com")]),
    phone_numbers=st.sampled_from([(), ("+353851234567",), ("0851234567",)]),
    identifiers=st.sampled_from([(), (Identifier("P", "1"),), (Identifier("P", "2"),)]),
)


@given(st.lists(_PEOPLE, min_size=2, max_size=8))
def test_any_list_has_the_similar_rows_that_comparing_each_finds(people: list[NewConsumer]) -> None:
    rows = list(enumerate(people, start=2))
    assert similar_rows(rows) == by_comparing_each(rows)


def test_row_with_the_whole_name_in_the_other_field_has_a_warning() -> None:
    rows = [(2, NewConsumer("", "Ana Li")), (3, NewConsumer("Ana Li", ""))]
    [warning] = similar_row_warnings(similar_rows(rows)[3])
    assert (warning.row, warning.field) == (2, "first_name")
    assert warning.text.endswith("Similar fields: first name, last name.")
