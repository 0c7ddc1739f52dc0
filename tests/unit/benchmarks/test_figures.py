from __future__ import annotations

import pytest

from benchmarks.figures import Samples, percentile, table


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.05, 1.0), (0.5, 10.0), (0.51, 11.0), (0.95, 19.0), (1.0, 20.0)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    values = [float(number) for number in range(20, 0, -1)]
    assert percentile(values, share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_samples_are_told_in_milliseconds_and_by_the_second() -> None:
    samples = Samples((0.002, 0.004, 0.006, 0.1), elapsed=0.5)
    assert samples.milliseconds(0.5) == 4.0
    assert samples.per_second == 8.0


def test_a_table_has_a_column_of_words_and_then_figures_to_the_right() -> None:
    assert table(("what", "ms"), [["page", "1.0"]]) == "| what | ms |\n| --- | ---: |\n| page | 1.0 |"
