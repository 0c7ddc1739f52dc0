"""The lines of the portal's status by name, and times in the past for them."""

from __future__ import annotations

import datetime

from consumerportal import status
from consumerportal.status import Line


def line(name: str) -> Line:
    """The line with this name, of which there is one."""
    [found] = [one for one in status.lines() if one.name == name]
    return found


def ago(**span: float) -> datetime.datetime:
    """The time that is as long ago as ``span``, in the units of a ``timedelta``."""
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(**span)
