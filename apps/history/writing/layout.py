"""The layout of a file: format, columns, time zone, separator."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from typing import Final

from apps.core.export.formats import Format
from apps.history.columns import COLUMNS

SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one file. Separator and byte-order mark apply to CSV only.

    Raises ``ValueError`` if there is no column, a column is unknown or repeated, or the time zone or the
    separator is unknown.
    """

    format: Format
    columns: tuple[str, ...]  # keys of COLUMNS, in the order of the file
    time_zone: str  # IANA name
    separator: str = ","
    byte_order_mark: bool = True

    def __post_init__(self) -> None:
        if not self.columns or not set(self.columns) <= set(COLUMNS):
            raise ValueError("no column, or an unknown one")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("a repeated column")
        if self.separator not in SEPARATORS:
            raise ValueError("an unknown separator")
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            raise ValueError("an unknown time zone") from None

    @property
    def is_personal(self) -> bool:
        """Whether any column shows personal data of a consumer."""
        return any(COLUMNS[key].personal for key in self.columns)
