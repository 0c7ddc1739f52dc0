"""The offsets of a time zone from UTC, as a list: for a database that knows no time zones."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# No row of the portal is older, or will be younger: outside, the nearest offset stands.
_FIRST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_WEEKS: Final = 5_218
_WEEK: Final = dt.timedelta(weeks=1)
_SECOND: Final = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Offset:
    """An offset from UTC in seconds, and the moment (UTC) from which on it is in force."""

    since: dt.datetime
    seconds: int

    @property
    def text(self) -> str:
        """As ISO 8601 has it: ``+05:30``."""
        sign = "-" if self.seconds < 0 else "+"
        minutes = abs(self.seconds) // 60
        return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


@lru_cache(maxsize=32)
def offsets(time_zone: str) -> tuple[Offset, ...]:
    """The offsets of a time zone in this century, in order. One that holds for less than a week is missed."""
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
