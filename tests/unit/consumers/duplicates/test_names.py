"""Whether a name is a part of another one: the same as comparing each word with each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consumers.duplicates.names import MOST_WORDS, Alike, _is_part, alike, name_of


def by_comparing_each_word(one: str, other: str) -> bool:
    shorter, longer = sorted((name_of(one).words, name_of(other).words), key=len)
    rest = list(longer)
    for word in shorter:
        found = next((each for each in rest if each == word or _is_initial_of(each, word)), None)
        if found is None:
            return False
        rest.remove(found)
    return bool(shorter)


def _is_initial_of(one: str, other: str) -> bool:
    return 1 in (len(one), len(other)) and one[0] == other[0]


_NAMES = st.lists(st.sampled_from(["a", "ab", "abc", "b", "ba", "c", "Ä", "Jr"]), max_size=MOST_WORDS)


@given(_NAMES.map(" ".join), _NAMES.map(" ".join))
def test_part_of_a_name_is_what_comparing_each_word_finds(one: str, other: str) -> None:
    assert _is_part(name_of(one), name_of(other)) == by_comparing_each_word(one, other)


_WORDS = st.lists(st.sampled_from(["ab", "abc", "ba", "ca", "cab"]), max_size=3 * MOST_WORDS)


@given(_WORDS.map(" ".join), _WORDS.map(" ".join))
def test_whole_words_are_compared_in_names_of_any_length(one: str, other: str) -> None:
    assert _is_part(name_of(one), name_of(other)) == by_comparing_each_word(one, other)


@pytest.mark.parametrize(("words", "found"), [(MOST_WORDS - 1, Alike.PART), (MOST_WORDS, Alike.DIFFERENT)])
def test_initial_stands_for_a_word_in_a_name_of_usual_length(words: int, found: Alike) -> None:
    longer = " ".join(["Anna", *(f"word{number}" for number in range(words))])
    assert alike(name_of("A"), name_of(longer)) is found
    assert alike(name_of("Anna"), name_of(longer)) is Alike.PART
