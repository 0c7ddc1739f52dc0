"""Which submissions: one frozen value that the list, the figures and the export share.

What the list shows and what the export writes cannot differ, because both take their rows from here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet
from django.db.models.functions import Lower

from apps.consumers import selectors
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.core import keyset

REFERENCES = ("order_ref", "consumer_ref", "guest_ref")


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
    person_id: str  # of the reader
    everybody: bool  # whether the reader sees more than their own

    def visible(self) -> QuerySet[Submission]:
        """All that the reader may see, whatever is asked for; newest first."""
        return selectors.visible_submissions(self.person_id, everybody=self.everybody)

    def submissions(self) -> QuerySet[Submission]:
        """The rows, newest first. Nothing is read yet."""
        found = self.visible()
        asked = self.asked
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
        for name in REFERENCES:
            if reference := getattr(asked, name):
                # Vendor: references are compared without regard to case.
                found = found.alias(**{f"{name}_key": Lower(name)}).filter(
                    **{f"{name}_key": reference.lower()}
                )
        for kind, digest in asked.searches:
            matching = SubmissionDigest.objects.filter(kind=kind, digest=digest)
            found = found.filter(pk__in=matching.values("submission"))
        return found

    def page(self, *, size: int, position: keyset.Position | None) -> keyset.Page[Submission]:
        """A page of the rows. Raises ``UnreadableKey`` as :func:`apps.core.keyset.page_of` does."""
        return keyset.page_of([self.submissions()], selectors.NEWEST_BY, size=size, position=position)
