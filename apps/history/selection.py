"""The selection of submissions: one frozen value that the list, the figures and the export share.

List and export take their rows from here, so they cannot differ.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass, replace

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower

from apps.consumers import selectors
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.consumers.searches import Search
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core.web import keyset

REFERENCES = ("order_ref", "consumer_ref", "guest_ref")
NEWEST_BY = selectors.NEWEST_BY
MAX_COUNTED = 10_000
MANY, NEAR = 2_000, 20_000  # rows; measured with 1,000,000 by benchmarks/submissions_list.py


@dataclass(frozen=True, slots=True)
class SubmissionFilter:
    """The filters. A submission matches if it matches all that are not empty."""

    since: dt.datetime | None = None  # submitted at this time or later
    until: dt.datetime | None = None  # submitted before this time
    outcome: str = ""
    person: str = ""  # id of the person who submitted it
    order_ref: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    reason: str = ""  # the error code of a failure
    answered_from: int | None = None  # milliseconds, included
    answered_under: int | None = None  # milliseconds, not included
    search: Search | None = None  # for exact values of a consumer

    @property
    def digests(self) -> tuple[tuple[DigestKind, tuple[bytes, ...]], ...]:
        """The exact values searched for: kind and keyed digests, one under each digest key."""
        return self.search.digests if self.search else ()

    def kinds(self) -> list[str]:
        """The names of the filters in effect, without their values, for the audit log."""
        given = [
            field.name
            for field in dataclasses.fields(self)
            if field.name != "search" and getattr(self, field.name) not in ("", None)
        ]
        return given + [kind.value for kind, _digests in self.digests]


@dataclass(frozen=True, slots=True)
class Selection:
    """The submissions that match a filter and that the reader may see."""

    asked: SubmissionFilter
    viewer: Viewer

    def visible(self) -> QuerySet[Submission]:
        """All submissions that the reader may see, without the filter; newest first."""
        return selectors.visible_submissions(self.viewer)

    def submissions(self) -> QuerySet[Submission]:
        """The selected rows, newest first, as an unevaluated queryset."""
        found = self._without_searches()
        for kind, digest in self.asked.digests:
            found = found.filter(pk__in=_sharing(kind, digest).values("submission"))
        return found

    def page(self, *, size: int, position: keyset.Position | None) -> keyset.Page[Submission]:
        """One page of the selected rows. Raises ``UnreadableKey``, as :func:`keyset.page_of`."""

        whole = selectors.visible_submissions(UNRESTRICTED)  # of keys that are those of visible rows

        def page_of(rows: QuerySet[Submission]) -> keyset.Page[Submission]:
            return keyset.page_of([rows], NEWEST_BY, size=size, position=position, whole=whole)

        if self._shared_by_many() and (position is None or not position.newer):
            page = page_of(self._near(position))
            if page.older is not None:
                return page
        return page_of(self.submissions())

    def count(self) -> int | None:
        """The number of selected rows, at most :data:`MAX_COUNTED` + 1; None if counting is expensive.

        It is expensive if no index helps: for times to answer without a first day, and for a digest that many
        rows share together with another filter.
        """
        asked = self.asked
        if asked.since is None and (asked.answered_from, asked.answered_under) != (None, None):
            return None
        if not self._shared_by_many():
            return self.submissions().order_by()[: MAX_COUNTED + 1].count()
        everything = self.viewer.sees_all and replace(asked, search=None) == SubmissionFilter()
        if not everything or len(asked.digests) > 1:
            return None
        return _sharing(*asked.digests[0])[: MAX_COUNTED + 1].count()

    def _without_searches(self) -> QuerySet[Submission]:
        found, asked = self.visible(), self.asked
        conditions = {
            "submitted_at__gte": asked.since,
            "submitted_at__lt": asked.until,
            "outcome": asked.outcome,
            "actor_id": asked.person,
            "error_code": asked.reason,
            "duration_ms__gte": asked.answered_from,
            "duration_ms__lt": asked.answered_under,
        }
        found = found.filter(**{name: value for name, value in conditions.items() if value not in ("", None)})
        # The condition of the partial indexes: SQLite uses one only if the query repeats its condition.
        if asked.reason:
            found = found.exclude(error_code="")
        for name in REFERENCES:
            if reference := getattr(asked, name):
                # Vendor: references are case-insensitive.
                found = found.alias(**{f"{name}_key": Lower(name)})
                found = found.filter(**{f"{name}_key": reference.lower()})
        return found

    def _shared_by_many(self) -> bool:
        """Whether there are digests and at least :data:`MANY` rows share each, such as a common last name."""
        digests = self.asked.digests
        return bool(digests) and all(len(_sharing(*one).values("pk")[:MANY]) == MANY for one in digests)

    def _near(self, position: keyset.Position | None) -> QuerySet[Submission]:
        """The selected rows among the next :data:`NEAR` rows of the list.

        For a digest that many rows share, the database would read and sort all of them. Here it reads the
        list in order and checks each row for the digests. The limit bounds the work if recent rows have none.
        """
        rows = self._without_searches()
        wanted = (
            rows if position is None else rows.filter(keyset.after_position(Submission, NEWEST_BY, position))
        )
        last = wanted.values_list("submitted_at", flat=True)[NEAR : NEAR + 1].first()
        if last is not None:
            rows = rows.filter(submitted_at__gte=last)
        return rows.filter(
            *(Exists(_sharing(*one).filter(submission=OuterRef("pk"))) for one in self.asked.digests)
        )


def _sharing(kind: DigestKind, digests: tuple[bytes, ...]) -> QuerySet[SubmissionDigest]:
    return SubmissionDigest.objects.filter(kind=kind, digest__in=digests)
