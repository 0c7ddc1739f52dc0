"""How a file is laid out: its format, its columns, its times, its separators."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from typing import Final

from apps.core.export.formats import Format
from apps.history.columns import COLUMNS

SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file looks like. Separator and byte-order mark are those of CSV; the others have none.

    Raises ``ValueError`` for no column, an unknown or repeated one, an unknown time zone or separator.
    """

    format: Format
    columns: tuple[str, ...]  # keys of COLUMNS, in the order of the file
    time_zone: str  # IANA name
    separator: str = ","
    byte_order_mark: bool = True

    def __post_init__(self) -> None:
        if not self.columns or not set(self.columns) <= set(COLUMNS):
            raise ValueError("no column, or one that there is not")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("a column twice")
        if self.separator not in SEPARATORS:
            raise ValueError("no separator of ours")
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            raise ValueError("no time zone") from None

    @property
    def is_personal(self) -> bool:
        """Whether any column shows personal data of a consumer."""
        return any(COLUMNS[key].personal for key in self.columns)
