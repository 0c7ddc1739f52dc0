"""Three mandatory time limits."""

from __future__ import annotations

import math

import pytest

from apps.cdp.attempt import Limits
from apps.cdp.exchange import Exchange


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("name", ["connect", "read", "total"])
def test_limit_is_a_positive_number(name: str, bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Limits(**{"connect": 1.0, "read": 1.0, "total": 1.0, name: bad})


def test_no_limit_has_a_default() -> None:
    with pytest.raises(TypeError):
        Limits(connect=1, read=1)  # type: ignore[call-arg]  # the point
    with pytest.raises(TypeError):
        Exchange()  # type: ignore[call-arg]  # the point


def test_limits_shrink_to_the_remaining_time() -> None:
    assert Limits(connect=1, read=5, total=9).within(3) == Limits(connect=1, read=3, total=3)
