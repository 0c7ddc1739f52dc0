"""Which submissions: one frozen value that the list, the figures and the export share.

What the list shows and what the export writes cannot differ, because both take their rows from here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass, replace

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower

from apps.consumers import selectors
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core import keyset

REFERENCES = ("order_ref", "consumer_ref", "guest_ref")
NEWEST_BY = selectors.NEWEST_BY
MAX_COUNTED = 10_000
MANY, NEAR = 2_000, 20_000  # rows; measured with a million: see benchmarks/submissions_list.py


@dataclass(frozen=True, slots=True)
class SubmissionFilter:
    """What is asked for. All that is given holds together; what is not given is empty."""

    since: dt.datetime | None = None  # submitted at that moment or later
    until: dt.datetime | None = None  # before that moment
    outcome: str = ""
    person: str = ""  # the id of who submitted it
    order_ref: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    reason: str = ""  # the error code of a failure
    answered_from: int | None = None  # milliseconds, included
    answered_under: int | None = None  # milliseconds, not included
    searches: tuple[tuple[DigestKind, str], ...] = ()  # keyed digests of what was searched for exactly

    def kinds(self) -> list[str]:
        """What was asked for, without the values: what the audit log keeps of it."""
        given = [
            field.name
            for field in dataclasses.fields(self)
            if field.name != "searches" and getattr(self, field.name) not in ("", None)
        ]
        return given + [kind.value for kind, _digest in self.searches]


@dataclass(frozen=True, slots=True)
class Selection:
    """The submissions that one person asks for: the filter within what they may see."""

    asked: SubmissionFilter
    viewer: Viewer

    def visible(self) -> QuerySet[Submission]:
        """All that the reader may see, whatever is asked for; newest first."""
        return selectors.visible_submissions(self.viewer)

    def submissions(self) -> QuerySet[Submission]:
        """The rows, newest first. Nothing is read yet."""
        found = self._without_searches()
        for kind, digest in self.asked.searches:
            found = found.filter(pk__in=_sharing(kind, digest).values("submission"))
        return found

    def page(self, *, size: int, position: keyset.Position | None) -> keyset.Page[Submission]:
        """A page of the rows. Raises ``UnreadableKey`` as :func:`apps.core.keyset.page_of` does."""

        whole = selectors.visible_submissions(UNRESTRICTED)  # of keys that are those of visible rows

        def page_of(rows: QuerySet[Submission]) -> keyset.Page[Submission]:
            return keyset.page_of([rows], NEWEST_BY, size=size, position=position, whole=whole)

        if self._shared_by_many() and (position is None or not position.newer):
            page = page_of(self._near(position))
            if page.older is not None:
                return page
        return page_of(self.submissions())

    def count(self) -> int | None:
        """How many rows there are, at most :data:`MAX_COUNTED` and one; None where that would be dear.

        Dear is what no index counts: times to answer in all the years, and what a digest shared by many rows
        has in common with another filter.
        """
        asked = self.asked
        if asked.since is None and (asked.answered_from, asked.answered_under) != (None, None):
            return None
        if not self._shared_by_many():
            return self.submissions().order_by()[: MAX_COUNTED + 1].count()
        everything = self.viewer.sees_all and replace(asked, searches=()) == SubmissionFilter()
        if not everything or len(asked.searches) > 1:
            return None
        return _sharing(*asked.searches[0])[: MAX_COUNTED + 1].count()

    def _without_searches(self) -> QuerySet[Submission]:
        found, asked = self.visible(), self.asked
        exactly = {
            "submitted_at__gte": asked.since,
            "submitted_at__lt": asked.until,
            "outcome": asked.outcome,
            "actor_id": asked.person,
            "error_code": asked.reason,
            "duration_ms__gte": asked.answered_from,
            "duration_ms__lt": asked.answered_under,
        }
        found = found.filter(**{name: value for name, value in exactly.items() if value not in ("", None)})
        # What the partial indexes leave out: SQLite takes one only where the question says so in its words.
        if asked.reason:
            found = found.exclude(error_code="")
        for name in REFERENCES:
            if reference := getattr(asked, name):
                # Vendor: references are compared without regard to case.
                found = found.alias(**{f"{name}_key": Lower(name)})
                found = found.filter(**{f"{name}_key": reference.lower()})
        return found

    def _shared_by_many(self) -> bool:
        """Whether each of the digests is that of many rows: a common last name."""
        searches = self.asked.searches
        return bool(searches) and all(len(_sharing(*one).values("pk")[:MANY]) == MANY for one in searches)

    def _near(self, position: keyset.Position | None) -> QuerySet[Submission]:
        """The rows of :meth:`submissions` among the next :data:`NEAR` that there are without the searches.

        Of a digest that many rows share, the database would fetch every row to sort them. It is asked to go
        through the list instead and to look for each digest; not further than that, for what is common over
        the years may have no row in the last of them.
        """
        rows = self._without_searches()
        wanted = (
            rows if position is None else rows.filter(keyset.after_position(Submission, NEWEST_BY, position))
        )
        last = wanted.values_list("submitted_at", flat=True)[NEAR : NEAR + 1].first()
        if last is not None:
            rows = rows.filter(submitted_at__gte=last)
        return rows.filter(
            *(Exists(_sharing(*one).filter(submission=OuterRef("pk"))) for one in self.asked.searches)
        )


def _sharing(kind: DigestKind, digest: str) -> QuerySet[SubmissionDigest]:
    return SubmissionDigest.objects.filter(kind=kind, digest=digest)
