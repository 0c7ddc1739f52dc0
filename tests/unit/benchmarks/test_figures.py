from __future__ import annotations

import pytest

from benchmarks.figures import Samples, percentile, table


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.05, 1.0), (0.5, 10.0), (0.51, 11.0), (0.95, 19.0), (1.0, 20.0)]
)
def test_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    values = [float(number) for number in range(20, 0, -1)]
    assert percentile(values, share) == expected


def test_percentile_of_no_values_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_samples_are_shown_in_milliseconds_and_per_second() -> None:
    samples = Samples((0.002, 0.004, 0.006, 0.1), elapsed=0.5)
    assert samples.milliseconds(0.5) == 4.0
    assert samples.per_second == 8.0


def test_table_has_a_text_column_and_right_aligned_figures() -> None:
    assert table(("what", "ms"), [["page", "1.0"]]) == "| what | ms |\n| --- | ---: |\n| page | 1.0 |"
