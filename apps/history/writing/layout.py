"""The layout of a file: format, columns, time zone, separator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.core.export.formats import Format
from apps.core.time_zones import find_zone
from apps.history.columns import COLUMNS
from apps.history.writing.cells import Kind, Times, kind_of

SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one file. Separator and byte-order mark apply to CSV only, ``facts`` to Excel only.

    Raises ``ValueError`` if there is no column, a column is unknown or repeated or one with personal data is
    before one without, or the time zone or the separator is unknown.
    """

    format: Format
    columns: tuple[str, ...]  # keys of COLUMNS, in the order of the file; those with personal data are last
    time_zone: str  # IANA name
    separator: str = ","
    byte_order_mark: bool = True
    facts: tuple[tuple[str, str], ...] = ()
    """About the export: label and text of each line of the About sheet that the writer does not know."""

    def __post_init__(self) -> None:
        if not self.columns or not set(self.columns) <= set(COLUMNS):
            raise ValueError("no column, or an unknown one")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("a repeated column")
        if self.columns != (*self.plain, *self.personal):
            raise ValueError("a column with personal data before one without")
        if self.separator not in SEPARATORS:
            raise ValueError("an unknown separator")
        if find_zone(self.time_zone) is None:
            raise ValueError("an unknown time zone")

    @property
    def plain(self) -> tuple[str, ...]:
        """The columns without personal data."""
        return tuple(key for key in self.columns if not COLUMNS[key].personal)

    @property
    def personal(self) -> tuple[str, ...]:
        """The columns with personal data of consumers."""
        return tuple(key for key in self.columns if COLUMNS[key].personal)

    @property
    def times(self) -> Times:
        """How times are written."""
        if self.format is Format.XLSX:
            return Times.SERIAL
        return Times.LOCAL if self.format is Format.CSV else Times.EXACT

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of the columns in the file. Where times have no offset, their heading has the zone.

        Programs find the columns of the exact formats by name, so those names never change.
        """
        names = [str(COLUMNS[key].label) if self.format is Format.XLSX else key for key in self.columns]
        if self.times is Times.EXACT:
            return tuple(names)
        return tuple(
            f"{name} ({self.time_zone})" if kind_of(key) is Kind.MOMENT else name
            for key, name in zip(self.columns, names, strict=True)
        )
