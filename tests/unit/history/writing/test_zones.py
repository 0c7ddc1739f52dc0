"""The time zone offsets passed to SQLite equal Python's."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.history.writing.zones import offsets

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


@hypothesis_settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(946_684_800, 4_070_908_800))
def test_offset_at_any_moment_is_that_of_the_zone(zone: str, second: int) -> None:
    moment = dt.datetime.fromtimestamp(second, dt.UTC)
    in_force = [offset for offset in offsets(zone) if offset.since <= moment][-1]
    local = moment.astimezone(zoneinfo.ZoneInfo(zone))
    assert local.utcoffset() == dt.timedelta(seconds=in_force.seconds)
    assert local.isoformat().endswith(in_force.text)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"]
)
def test_change_of_offset_is_exact_to_the_second(zone: str) -> None:
    where = zoneinfo.ZoneInfo(zone)
    for offset in offsets(zone)[1:]:
        before = (offset.since - dt.timedelta(seconds=1)).astimezone(where).utcoffset()
        after = offset.since.astimezone(where).utcoffset()
        assert before != after
        assert after == dt.timedelta(seconds=offset.seconds)
