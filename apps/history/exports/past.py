"""Queries for past exports: all that were started, by anybody."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final

from apps.core import keyset
from apps.history.models import Export

NEWEST_BY: Final = ("started_at", "id")


@dataclass(frozen=True, slots=True)
class PastExportFilter:
    """The filters. An export matches if it matches all that are not empty."""

    since: dt.datetime | None = None  # started at this time or later
    until: dt.datetime | None = None  # started before this time
    person: str = ""  # id of the person who exported

    def names(self) -> list[str]:
        """The names of the filters in effect, without their values, for the audit log."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name)]


def page_of_exports(
    asked: PastExportFilter, *, size: int, position: keyset.Position | None
) -> keyset.Page[Export]:
    """A page of the matching exports, newest first. Raises ``UnreadableKey``, as :func:`keyset.page_of`."""
    conditions = {
        "started_at__gte": asked.since,
        "started_at__lt": asked.until,
        "person_id": asked.person,
    }
    found = Export.objects.filter(
        # The condition of the indexes: SQLite uses a partial index only if the query repeats it.
        started_at__isnull=False,
        **{name: value for name, value in conditions.items() if value},
    )
    whole = Export.objects.select_related("person")
    return keyset.page_of([found], NEWEST_BY, size=size, position=position, whole=whole)


def find_started(public_id: uuid.UUID) -> Export | None:
    """The export with this id, of any person, if it was started."""
    found = Export.objects.select_related("person")
    return found.filter(public_id=public_id, started_at__isnull=False).first()


def search_of_another(export: Export, *, reader: str) -> uuid.UUID | None:
    """The id of the search of the export, if its person is not the reader; None without a search.

    ``reader``: the id of the person who reads it.
    """
    search = export.selection["asked"].get("search")
    return uuid.UUID(search) if search and str(export.person_id) != reader else None
