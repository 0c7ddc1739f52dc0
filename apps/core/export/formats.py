"""The formats of exported files, with their content types and the extensions of their names."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Format(TextChoices):
    """A file format. Values are stored with exports and in the audit log."""

    XLSX = "xlsx", _("Excel")
    CSV = "csv", _("CSV for spreadsheets")
    CSV_EXACT = "csv_exact", _("CSV, exact")
    JSONL = "jsonl", _("JSON Lines")

    @property
    def content_type(self) -> str:
        """For the header ``Content-Type``."""
        return _CONTENT_TYPES[self]

    @property
    def extension(self) -> str:
        """Of a file name, without the dot."""
        return "csv" if self is Format.CSV_EXACT else self.value


_CSV: Final = "text/csv; charset=utf-8"  # RFC 7111
_CONTENT_TYPES: Final = {
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.CSV: _CSV,
    Format.CSV_EXACT: _CSV,
    Format.JSONL: "application/jsonl; charset=utf-8",
}
