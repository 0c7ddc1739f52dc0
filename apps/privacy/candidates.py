"""The numbers of the events that can have shown a subject: as many as a page needs, newest or oldest first.

The index (``ShownRange``, ``ShownKey``) and the log's own columns find them. Each returns the first numbers
only. The database still reads every range near the submissions, so a page costs more with each export, but
not with each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max

from apps.audit.models import AuditEvent
from apps.consumers.audit_events import CONSUMER_COMPARED, SUBMISSION_VIEWED
from apps.consumers.models import SEVERAL, UNBOUNDED, ShownKey, ShownRange, Submission
from apps.core.parts import VALUES_AT_ONCE, in_parts
from apps.core.runs import runs_of
from apps.history.exports.shown_ranges import OUT_OF_ORDER
from apps.privacy.subjects import Subject

LAST: Final = 2**63 - 1  # no sequence number is greater
_OF_SUBMISSION: Final = (SUBMISSION_VIEWED.name, CONSUMER_COMPARED.name)
_WINDOWS_AT_ONCE: Final = 1_000  # per query


@dataclass(frozen=True, slots=True)
class Span:
    """The sequence numbers of a period, both included."""

    first: int = 1
    last: int = LAST


class IndexWindow(NamedTuple):
    """A part of the index of ranges: those of an owner and a level that begin from ``low`` to ``high``.

    Those that end at ``least`` or later contain a submission of the subject, or lie between two of them.
    """

    owner: int
    level: int
    low: int
    high: int
    least: int


@dataclass(frozen=True)
class Candidates:
    """The events of a span that can have shown a subject. Each has to be read to decide what it showed."""

    subject: Subject
    span: Span

    def all(self) -> list[int]:
        """All of them, ascending. Returns numbers only, so memory stays small."""
        return sorted(self._found(self.span))

    def newest(self, limit: int, *, before: int = LAST) -> list[int]:
        """At most ``limit`` of those below ``before``, descending."""
        span = Span(self.span.first, min(self.span.last, before - 1))
        return sorted(self._found(span, limit), reverse=True)[:limit]

    def oldest(self, limit: int, *, after: int) -> list[int]:
        """At most ``limit`` of those above ``after``, ascending."""
        span = Span(max(self.span.first, min(after, LAST - 1) + 1), self.span.last)
        return sorted(self._found(span, limit, newest=False))[:limit]

    def _found(self, span: Span, limit: int | None = None, *, newest: bool = True) -> set[int]:
        """Those of the span; with ``limit``, at least the first ones by number, as far as there are any."""
        if span.first > span.last:
            return set()
        found: set[int] = set()
        for rows in self._named():
            within = rows.filter(seq__gte=span.first, seq__lte=span.last)
            found.update(within.order_by("-seq" if newest else "seq")[:limit])
        for windows in in_parts(self.windows, _WINDOWS_AT_ONCE):
            found.update(_in_ranges(windows, span, limit, newest=newest))
        return found

    def _named(self) -> Iterator[Any]:
        """Numbers of the views of the submissions, and of the events that name the subject otherwise."""
        for ids in in_parts(sorted(self.subject.public_ids), VALUES_AT_ONCE):
            opened = AuditEvent.objects.filter(submission__in=ids, action__in=_OF_SUBMISSION)
            yield opened.values_list("seq", flat=True)
        for keys in in_parts(self.subject.index_keys, VALUES_AT_ONCE):
            yield ShownKey.objects.filter(key__in=keys).values_list("seq", flat=True).distinct()

    @cached_property
    def windows(self) -> list[IndexWindow]:
        """The windows of the index that have the ranges that contain a submission.

        A range of a level begins less than 2^level before each submission in it. So for each level that can
        occur, the window of that length before each submission is read; most of its ranges contain the
        submission. Submissions that are nearer to each other than that share a window, so that the range of
        an export is read once for all of them.
        """
        submissions = self.subject.submissions
        owners: dict[int, list[int]] = {SEVERAL: sorted(submissions)}
        for pk in owners[SEVERAL]:
            owners.setdefault(int(submissions[pk].actor_id), []).append(pk)
        highest = (Submission.objects.aggregate(Max("pk"))["pk__max"] or 0) + OUT_OF_ORDER
        return [
            IndexWindow(owner, level, max(first - 2**level + 1, 0), last, first)
            for level in (*range(highest.bit_length() + 1), UNBOUNDED.bit_length())
            for owner, numbers in owners.items()
            for first, last in runs_of(numbers, gap=2**level - 1)
        ]


def _in_ranges(windows: Sequence[IndexWindow], span: Span, limit: int | None, *, newest: bool) -> list[int]:
    """The numbers of the lists and exports whose ranges are in these windows of the index."""
    with connection.cursor() as cursor:
        cursor.execute(statement_for(windows, limit, newest=newest), [span.first, span.last])
        return [seq for (seq,) in cursor.fetchall()]


def statement_for(windows: Sequence[IndexWindow], limit: int | None, *, newest: bool) -> str:
    """The statement that reads these windows of the index, with the span's numbers as its parameters.

    PostgreSQL would read all ranges and join them, which takes longer with each event. OFFSET 0 prevents this
    plan on PostgreSQL, CROSS JOIN on SQLite: windows are read one by one. ORDER BY is outside for the same
    reason.
    """
    values = ", ".join(f"({', '.join(map(str, window))})" for window in windows)
    table = connection.ops.quote_name(ShownRange._meta.db_table)
    conditions = (
        "WHERE shown.owner = around.owner AND shown.level = around.level"
        " AND shown.first BETWEEN around.low AND around.high AND shown.last >= around.least"
        " AND shown.seq BETWEEN %s AND %s"
    )
    joined = f"CROSS JOIN {table} AS shown {conditions}"
    if connection.vendor == "postgresql":
        joined = f"CROSS JOIN LATERAL (SELECT seq FROM {table} AS shown {conditions} OFFSET 0) AS shown"  # noqa: S608  # likewise
    return (
        f"WITH around (owner, level, low, high, least) AS (VALUES {values})"  # noqa: S608  # only the portal's own numbers
        f" SELECT seq FROM (SELECT DISTINCT shown.seq FROM around {joined}) AS found"
        f" ORDER BY seq {'DESC' if newest else 'ASC'}" + ("" if limit is None else f" LIMIT {limit}")
    )
