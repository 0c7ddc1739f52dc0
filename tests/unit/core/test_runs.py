"""Runs of numbers, their texts, and the texts that are none."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.runs import read_runs, run_text, runs_of


@given(st.sets(st.integers(0, 200)))
def test_runs_as_texts_have_the_same_numbers(numbers: set[int]) -> None:
    runs = read_runs(run_text(*run) for run in runs_of(sorted(numbers)))
    assert [number for first, last in runs for number in range(first, last + 1)] == sorted(numbers)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(runs))


def test_gap_and_width_decide_where_a_run_ends() -> None:
    assert runs_of([1, 3, 4, 9], gap=2) == [(1, 4), (9, 9)]
    assert runs_of([1, 2, 3, 4, 5], widest=2) == [(1, 2), (3, 4), (5, 5)]


@pytest.mark.parametrize("text", ["", "x", "-", "-7", "9-7", "1-2-3", "1.5", " 7", "1_000"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read_runs(["1", text])
