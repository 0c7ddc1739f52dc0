"""A time zone is found by its name, and a name that this machine does not have is no error."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from apps.core.time_zones import find_zone


@pytest.mark.parametrize("name", ["UTC", "Europe/Dublin", "America/Argentina/Salta"])
def test_zone_is_found(name: str) -> None:
    assert find_zone(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    "name",
    ["", "Europe/Gone", "Europe", "America/Argentina", "/etc/localtime", "../zone", "Europe\0", "a" * 5000],
)
def test_name_that_this_machine_does_not_have_is_no_zone(name: str) -> None:
    assert find_zone(name) is None
