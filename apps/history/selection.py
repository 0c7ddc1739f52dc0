"""The filters of submissions, as one value for list, figures and export."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.audit.events import WORD
from apps.consumers import selectors
from apps.consumers.models import DURATION_OR_ZERO, DigestKind, Outcome, Submission, SubmissionDigest
from apps.consumers.searches import Search
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core import keyset
from apps.core.references import spellings

REFERENCES = ("order_ref", "consumer_ref", "guest_ref")
MAX_COUNTED = 10_000
MANY, NEAR = 2_000, 20_000  # rows; measured with 1,000,000 by benchmarks/submissions_list.py
PERIOD_DAYS = 30  # including today
_DAY = dt.timedelta(days=1)


class Sort(models.TextChoices):
    """The order of the list. Without a duration a submission is sorted as 0 ms."""

    NEWEST = "", _("Newest first")
    OLDEST = "oldest", _("Oldest first")
    SLOWEST = "slowest", _("Longest duration first")
    FASTEST = "fastest", _("Shortest duration first")

    @property
    def by(self) -> tuple[str, str]:
        """The names of the sort keys: columns, or the annotation of the duration."""
        return ("duration_key", "id") if self in (Sort.SLOWEST, Sort.FASTEST) else selectors.NEWEST_BY

    @property
    def is_ascending(self) -> bool:
        """Whether the smallest key is first."""
        return self in (Sort.OLDEST, Sort.FASTEST)


class Period(models.TextChoices):
    """A period relative to today. Addresses and saved views contain its name, never its days."""

    TODAY = "today", _("Today")
    THIS_WEEK = "this-week", _("This week")
    LAST_WEEK = "last-week", _("Last week")
    THIS_MONTH = "this-month", _("This month")
    LAST_MONTH = "last-month", _("Last month")
    LAST_DAYS = "last-30-days", _("Last 30 days")
    ALL = "all", _("All time")

    def days(self, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
        """The first day and the day after the last; None without an end. Weeks begin on Monday."""
        monday, first = today - today.weekday() * _DAY, today.replace(day=1)
        return {
            Period.TODAY: (today, None),
            Period.THIS_WEEK: (monday, None),
            Period.LAST_WEEK: (monday - 7 * _DAY, monday),
            Period.THIS_MONTH: (first, None),
            Period.LAST_MONTH: ((first - _DAY).replace(day=1), first),
            Period.LAST_DAYS: (today - (PERIOD_DAYS - 1) * _DAY, None),
            Period.ALL: (None, None),
        }[self]


class Attention(StrEnum):
    """Why a supervisor has to look at a resolved or created submission."""

    CONTRADICTED = "contradicted"
    DOUBTFUL = "doubtful"


ATTENTION_LABELS = {
    Attention.CONTRADICTED: _("Contradicted after the resolution"),
    Attention.DOUBTFUL: _("Answer to be checked"),
}


@dataclass(frozen=True, slots=True)
class SubmissionFilter:
    """The filters. A submission matches if it matches all that are not empty."""

    since: dt.datetime | None = None  # submitted at this time or later
    until: dt.datetime | None = None  # submitted before this time
    outcomes: tuple[Outcome, ...] = ()  # any of them
    attention: str = ""  # a value of Attention
    person: str = ""  # id of the person who submitted it
    order_ref: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    batch: uuid.UUID | None = None  # the list of people that it was made for
    reason: str = ""  # the error code of a failure
    answered_from: int | None = None  # milliseconds, included
    answered_under: int | None = None  # milliseconds, not included
    search: Search | None = None  # for exact values of a consumer

    @property
    def digests(self) -> tuple[tuple[DigestKind, tuple[bytes, ...]], ...]:
        """The exact values searched for: kind and keyed digests, one under each digest key."""
        return self.search.digests if self.search else ()

    def recorded(self, *, found: bool) -> list[str]:
        """The filters in effect as events record them, such as ``outcomes:created``.

        Of a search for personal data, the kinds only: the event has its id. ``found``: whether a submission
        matches. Otherwise a reference or the id of a list may be anything that somebody typed: it is recorded
        without it, like a value that an event cannot have.
        """
        texts = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "search" or value in ("", None, ()):
                continue
            for one in value if isinstance(value, tuple) else (value,):
                named = f"{field.name}:{_recorded(one)}"
                is_hidden = not found and field.name in (*REFERENCES, "batch")
                texts.append(field.name if is_hidden or not WORD.fullmatch(named) else named)
        return texts + [kind.value for kind, _digests in self.digests]


@dataclass(frozen=True, slots=True)
class Selection:
    """The submissions that match a filter and that the reader may see, in an order."""

    asked: SubmissionFilter
    viewer: Viewer
    sort: Sort = Sort.NEWEST

    def visible(self) -> QuerySet[Submission]:
        """All submissions that the reader may see, without the filter; newest first."""
        return selectors.visible_submissions(self.viewer)

    def submissions(self) -> QuerySet[Submission]:
        """The selected rows in their order, as an unevaluated queryset."""
        found = self._searched(self._without_searches())
        if "duration_key" in self.sort.by:
            # No annotation: figures and exports have their own.
            key = DURATION_OR_ZERO
            return found.order_by(*((key.asc(), "id") if self.sort.is_ascending else (key.desc(), "-id")))
        return self._sorted(found)

    def lasting(self) -> QuerySet[Submission]:
        """The rows that match those filters whose result stays the same after a submission is stored."""
        asked = self.asked
        lasting = SubmissionFilter(
            since=asked.since,
            until=asked.until,
            person=asked.person,
            order_ref=asked.order_ref,
            batch=asked.batch,
        )
        return replace(self, asked=lasting)._without_searches()

    def page(self, *, size: int, position: keyset.Position | None) -> keyset.Page[Submission]:
        """One page of the selected rows, with the columns of a list's line.

        Raises ``UnreadableKey``, as :func:`keyset.page_of`.
        """

        # Of keys that are those of visible rows.
        whole = self._sorted(selectors.with_line_columns(selectors.visible_submissions(UNRESTRICTED)))

        def page_of(lists: Iterable[QuerySet[Submission]]) -> keyset.Page[Submission]:
            return keyset.page_of(
                [*map(self._sorted, lists)],
                self.sort.by,
                size=size,
                position=position,
                oldest_first=self.sort.is_ascending,
                whole=whole,
            )

        onwards = position is None or not position.newer
        if self.sort is Sort.NEWEST and onwards and self._shared_by_many():
            page = page_of([self._near(position)])
            if page.older is not None:
                return page
        return page_of(self._lists())

    def count(self, limit: int | None = None) -> int | None:
        """The number of selected rows, at most ``limit`` + 1; None if counting is expensive.

        Without ``limit``: :data:`MAX_COUNTED`.

        It is expensive if no index helps: for times to answer without a first day, and for a digest that many
        rows share together with another filter.
        """
        asked, most = self.asked, (MAX_COUNTED if limit is None else limit) + 1
        if asked.since is None and (asked.answered_from, asked.answered_under) != (None, None):
            return None
        searches_only = self.viewer.sees_all and replace(asked, search=None) == SubmissionFilter()
        if searches_only and len(asked.digests) == 1:
            return _sharing(*asked.digests[0])[:most].count()
        if self._shared_by_many():
            return None
        return self.submissions().order_by()[:most].count()

    def _lists(self) -> list[QuerySet[Submission]]:
        """The selected rows as lists, each of which comes from an index in the order of the selection.

        Outcomes without a filter that has an index of its own are one list for each of their conditions. As
        one list, rare outcomes would be searched for among all rows.
        """
        asked = self.asked
        only = SubmissionFilter(outcomes=asked.outcomes)
        if self.sort.by == selectors.NEWEST_BY:
            only = replace(only, since=asked.since, until=asked.until)
        if not (asked.outcomes and asked == only and self.viewer.sees_all):
            return [self._searched(self._without_searches())]
        among = replace(self, asked=replace(asked, outcomes=()))._without_searches()
        return [
            among.filter(condition)
            for outcome in asked.outcomes
            for condition in selectors.outcome_conditions(outcome)
        ]

    def _sorted(self, found: QuerySet[Submission]) -> QuerySet[Submission]:
        if "duration_key" in self.sort.by:
            found = found.annotate(duration_key=DURATION_OR_ZERO)
        sign = "" if self.sort.is_ascending else "-"
        return found.order_by(*(f"{sign}{name}" for name in self.sort.by))

    def _searched(self, found: QuerySet[Submission]) -> QuerySet[Submission]:
        for kind, digest in self.asked.digests:
            found = found.filter(pk__in=_sharing(kind, digest).values("submission"))
        return found

    def _without_searches(self) -> QuerySet[Submission]:
        asked = self.asked
        found = self.visible()
        if asked.attention:
            # A subquery: sorted by duration, SQLite would read that index instead of the partial one.
            needing = selectors.NEEDING_ATTENTION[asked.attention](self.viewer)
            found = found.filter(pk__in=needing.order_by().values("pk"))
        conditions = {
            "submitted_at__gte": asked.since,
            "submitted_at__lt": asked.until,
            "actor_id": asked.person,
            "error_code": asked.reason,
            "batch": asked.batch,
            "duration_ms__gte": asked.answered_from,
            "duration_ms__lt": asked.answered_under,
        }
        found = found.filter(**{name: value for name, value in conditions.items() if value not in ("", None)})
        if asked.outcomes:
            found = found.filter(selectors.has_outcome(asked.outcomes))
        # The condition of the partial indexes: SQLite uses one only if the query repeats its condition.
        if asked.reason:
            found = found.exclude(error_code="")
        for name in REFERENCES:
            if reference := getattr(asked, name):
                found = found.alias(**{f"{name}_key": Lower(name)})
                found = found.filter(**{f"{name}_key__in": spellings(reference)})
        return found

    def _shared_by_many(self) -> bool:
        """Whether there are digests and at least :data:`MANY` rows share each, such as a common last name."""
        digests = self.asked.digests
        return bool(digests) and all(len(_sharing(*one).values("pk")[:MANY]) == MANY for one in digests)

    def _near(self, position: keyset.Position | None) -> QuerySet[Submission]:
        """The selected rows among the next :data:`NEAR` rows of the list, newest first.

        For a digest that many rows share, the database would read and sort all of them. Here it reads the
        list in order and checks each row for the digests. The limit bounds the work if recent rows have none.
        """
        rows = self._without_searches()
        by = Sort.NEWEST.by
        wanted = rows if position is None else rows.filter(keyset.after_position(Submission, by, position))
        last = wanted.values_list("submitted_at", flat=True)[NEAR : NEAR + 1].first()
        if last is not None:
            rows = rows.filter(submitted_at__gte=last)
        return rows.filter(
            *(Exists(_sharing(*one).filter(submission=OuterRef("pk"))) for one in self.asked.digests)
        )


def _recorded(value: object) -> object:
    """A value of a filter as text; times in UTC."""
    if not isinstance(value, dt.datetime):
        return value
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _sharing(kind: DigestKind, digests: tuple[bytes, ...]) -> QuerySet[SubmissionDigest]:
    return SubmissionDigest.objects.filter(kind=kind, digest__in=digests)
