"""One line of the status, and its severity."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import IntEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Level(IntEnum):
    """The severity of a line; the highest one is the exit code of ``manage.py status``."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


LEVEL_LABELS = {
    Level.OK: _("OK"),
    Level.WARNING: _("Warning"),
    Level.CRITICAL: _("Critical"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the status. ``moment``, if any, is shown after ``text``."""

    name: str
    label: str | Promise
    text: str
    level: Level = Level.OK
    moment: datetime.datetime | None = None
    for_supervisors: bool = False  # an administrator sees the number, but not what is counted

    @property
    def level_label(self) -> str:
        return str(LEVEL_LABELS[self.level])
