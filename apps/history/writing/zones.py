"""The offsets of a time zone from UTC as a list, for databases that do not know the zone."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# The years 2000 to 2099. For times outside, the nearest offset applies.
_FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_WEEKS: Final = 5_218
_WEEK: Final = dt.timedelta(weeks=1)
_SECOND: Final = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Offset:
    """An offset from UTC in seconds, in force from ``since`` (UTC) on."""

    since: dt.datetime
    seconds: int

    @property
    def text(self) -> str:
        """In ISO 8601, such as ``+05:30``."""
        sign = "-" if self.seconds < 0 else "+"
        minutes = abs(self.seconds) // 60
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


@lru_cache(maxsize=32)
def offsets(time_zone: str) -> tuple[Offset, ...]:
    """The offsets of a time zone from 2000 to 2099, in order. One of under a week may be missed."""
    zone = zoneinfo.ZoneInfo(time_zone)
    found = [Offset(_FIRST, _offset_at(_FIRST, zone))]
    for number in range(_WEEKS):
        before, after = _FIRST + _WEEK * number, _FIRST + _WEEK * (number + 1)
        if _offset_at(after, zone) == found[-1].seconds:
            continue
        while after - before > _SECOND:
            middle = before + (after - before) // _SECOND // 2 * _SECOND
            if _offset_at(middle, zone) == found[-1].seconds:
                before = middle
            else:
                after = middle
        found.append(Offset(after, _offset_at(after, zone)))
    return tuple(found)


def _offset_at(moment: dt.datetime, zone: zoneinfo.ZoneInfo) -> int:
    return (moment.astimezone(zone).utcoffset() or dt.timedelta()) // _SECOND
