"""Times to answer in steps of two significant digits, from which medians and percentiles are computed.

How many submissions took as long is one integer with 32 bits for each step ("packed"). So the sum of two such
integers has the sum of each step, and adding up thousands of them costs a fraction of adding dictionaries.
"""

from __future__ import annotations

import sys
from typing import Final

from django.db.models import Case, F, IntegerField, Value, When

MAX_DURATION: Final = 100_000
"""Milliseconds. Longer times have one step, which has no upper bound."""
# (upper bound, step), in milliseconds.
_STEPS: Final = ((1_000, 10), (10_000, 100), (MAX_DURATION, 1_000))
STEP: Final = Case(
    When(duration_ms__isnull=True, then=None),
    *(When(duration_ms__lt=below, then=F("duration_ms") - F("duration_ms") % step) for below, step in _STEPS),
    default=Value(MAX_DURATION),
    output_field=IntegerField(),
)
"""The lower bound of a submission's step, in milliseconds; null without a duration."""
_BITS: Final = 32  # four thousand million submissions in one step
_LOWER: Final = (
    *range(0, 1_000, 10),
    *range(1_000, 10_000, 100),
    *range(10_000, MAX_DURATION, 1_000),
    MAX_DURATION,
)
_INDEX_OF_STEP: Final = {lower: index for index, lower in enumerate(_LOWER)}


def packed(step: int | None, number: int) -> int:
    """The number of submissions in the step with this lower bound; 0 without a duration."""
    return 0 if step is None else number << _BITS * _INDEX_OF_STEP[step]


def unpacked(times: int) -> dict[int, int]:
    """The number in each step that has any, by its lower bound, ascending."""
    whole = times.to_bytes(len(_LOWER) * _BITS // 8, sys.byteorder)
    numbers = memoryview(whole).cast("I").tolist()
    if sys.byteorder == "big":
        numbers.reverse()
    return {lower: number for lower, number in zip(_LOWER, numbers, strict=True) if number}


def to_text(times: int) -> tuple[int, str]:
    """Packed times as the index of the first step that has any, and hexadecimal digits from there."""
    step_index = ((times & -times).bit_length() - 1) // _BITS if times else 0
    return step_index, f"{times >> step_index * _BITS:x}"


def from_text(step_index: int, digits: str) -> int:
    """The packed times of a text of :func:`to_text`."""
    return int(digits, 16) << step_index * _BITS


def percentile(times: int, percent: int) -> int | None:
    """The percentile in milliseconds, as the upper bound of its step.

    None without any time, and for the last step, which has no bound.
    """
    counts = unpacked(times)
    left = sum(counts.values()) * percent
    for at, number in counts.items():
        left -= number * 100
        if left <= 0:
            return next((at + step for below, step in _STEPS if at < below), None)
    return None
