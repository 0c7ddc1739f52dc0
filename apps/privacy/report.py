"""The events that showed a person's data, or could have, newest first.

The index (``ShownRange``, ``ShownKey``) and the log's own columns find the candidates: every event that can
have shown the subject. Each is then read, and says itself what it showed.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from apps.audit.integrity.valid_macs import GenuineEvents
from apps.audit.models import AuditEvent
from apps.audit.selectors import sequence_filter
from apps.consumers import searches
from apps.consumers.audit_events import (
    CONSUMER_COMPARED,
    SUBMISSION_VIEWED,
    SUBMISSIONS_LISTED,
    SUBMISSIONS_SEARCHED,
    VENDOR_RECORD_VIEWED,
    VENDOR_RECORDS_SEARCHED,
)
from apps.consumers.models import SEVERAL, UNBOUNDED, ShownKey, ShownRange, Submission
from apps.consumers.recording import SEARCH, key_of, read_runs
from apps.core.references import reference_key
from apps.core.web import keyset
from apps.history.audit_events import EXPORT_STARTED, FIGURES_EXPORTED, FIGURES_VIEWED
from apps.history.exports.services import EXPORT_KEY, OUT_OF_ORDER
from apps.privacy import batches
from apps.privacy.audit_events import ACCESS_REPORT_SEARCHED
from apps.privacy.exports import Different, Doubt, History, PastExport, find_search
from apps.privacy.subjects import Subject

COUNTED: Final = 1_000
"""Up to this number of candidates, the entries of a report are counted on its page."""
MOST_READ: Final = 2_000
"""Candidates that are read for a page at most. A page ends there, with as many entries as it has by then."""
NEWEST_BY: Final = ("seq",)
LAST: Final = 2**63 - 1  # no sequence number is greater
_OF_SUBMISSION: Final = (SUBMISSION_VIEWED.name, CONSUMER_COMPARED.name)
NAMING: Final = (
    VENDOR_RECORD_VIEWED.name,
    VENDOR_RECORDS_SEARCHED.name,
    CONSUMER_COMPARED.name,
    SUBMISSIONS_SEARCHED.name,
    ACCESS_REPORT_SEARCHED.name,
)
"""The events that the index has by the consumers, guests and searches that they name."""
_READ_AT_ONCE: Final = 200  # events per query, and the least that a page reads
_MOST_COMPARED: Final = 10_000  # submissions of exports for a page, if each candidate is one
_AT_ONCE: Final = 500  # values per query
_RANGES_AT_ONCE: Final = 20  # submissions per query of ranges


class Verdict(StrEnum):
    """What an event did with the subject's data."""

    SHOWED = "showed"
    POSSIBLE = "possible"
    SEARCHED = "searched"  # for the value, whatever was found


# The verdict of an event that names the subject, whatever else it says.
_ALWAYS: Final[dict[str, tuple[Verdict, Doubt | None]]] = {
    SUBMISSION_VIEWED.name: (Verdict.SHOWED, None),
    CONSUMER_COMPARED.name: (Verdict.POSSIBLE, Doubt.COMPARED),
    SUBMISSIONS_SEARCHED.name: (Verdict.SEARCHED, None),
    ACCESS_REPORT_SEARCHED.name: (Verdict.SEARCHED, None),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a report. ``doubt``: why it is only possible."""

    event: AuditEvent
    verdict: Verdict
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The sequence numbers of a period, both included."""

    first: int = 1
    last: int = LAST


@dataclass(frozen=True)
class Counts:
    """The number of entries by verdict."""

    showed: int = 0
    possible: int = 0
    searched: int = 0

    @property
    def all(self) -> int:
        """The number of entries."""
        return self.showed + self.possible + self.searched


def beginning() -> AuditEvent | None:
    """The first event that the log still has, after its retention period. None in an empty log."""
    return AuditEvent.objects.order_by("seq").first()


def span_of(since: dt.datetime | None, until: dt.datetime | None) -> Span | None:
    """The events from ``since`` to before ``until``; None if there is none."""
    condition = sequence_filter(since, until)
    if condition is None:
        return None
    bounds: dict[str, int] = dict(condition.children)  # type: ignore[arg-type]  # lookups and numbers
    return Span(bounds.get("seq__gte", 1), bounds.get("seq__lte", LAST))


def count(entries: Iterable[Entry]) -> Counts:
    """The number of entries by verdict."""
    found = dict.fromkeys(Verdict, 0)
    for one in entries:
        found[one.verdict] += 1
    return Counts(found[Verdict.SHOWED], found[Verdict.POSSIBLE], found[Verdict.SEARCHED])


@dataclass(frozen=True)
class Report:
    """Who has seen the data of a subject in a span of the log."""

    subject: Subject
    span: Span = field(default_factory=Span)

    @cached_property
    def candidates(self) -> list[int]:
        """The events that can have shown the subject, ascending. Numbers only, so 100,000 are no burden."""
        found: set[int] = set()
        found.update(self._opened())
        found.update(self._in_ranges())
        found.update(self._with_keys())
        return sorted(found)

    def entries(self, sequences: Sequence[int] | None = None) -> Iterator[Entry]:
        """The entries of these candidates (None: of all), in their order."""
        wanted = self.candidates if sequences is None else sequences
        is_kept = len(self.candidates) <= COUNTED  # the page has entries, and all are counted
        for start in range(0, len(wanted), _READ_AT_ONCE):
            part = wanted[start : start + _READ_AT_ONCE]
            known = {seq: self._kept[seq] for seq in part if seq in self._kept}
            events = AuditEvent.objects.in_bulk([seq for seq in part if seq not in known])
            ends = _ends_of(events.values())
            for seq in part:
                event = events.get(seq)  # its retention period may be over
                entry = known[seq] if seq in known else self._entry(event, ends) if event else None
                if is_kept:
                    self._kept[seq] = entry
                if entry is not None:
                    yield entry

    def page(self, *, size: int, position: keyset.Position | None) -> keyset.Page[Any]:
        """A page of entries, newest first. The positions are the events' sequence numbers.

        Whether a candidate is an entry is known only when it was read, and each page reads a limited number.
        So a page may have fewer entries, or none, and lead to others.
        """
        everything = self.candidates
        if position is not None and position.newer:
            start = bisect_right(everything, position.key[0])
            some = self._some(everything[start : start + self.most_read], size + 1)
            if len(some) <= size and start + self.most_read >= len(everything):
                return self.page(size=size, position=None)  # the beginning, as a full page
            found = some[:size][::-1]
            last = some[size - 1].event.seq if len(some) > size else everything[start + self.most_read - 1]
            return keyset.Page(
                found, newer=_position(last, newer=True), older=_position(min(position.key[0] + 1, LAST))
            )
        end = len(everything) if position is None else bisect_left(everything, position.key[0])
        start = max(end - self.most_read, 0)
        some = self._some(everything[start:end][::-1], size + 1)
        older = None
        if len(some) > size:
            older = _position(some[size - 1].event.seq)
        elif start:
            older = _position(everything[start])
        newer = _position(position.key[0] - 1, newer=True) if position is not None and end else None
        return keyset.Page(some[:size], newer=newer, older=older)

    @cached_property
    def most_read(self) -> int:
        """The number of candidates that are read for a page at most: fewer for many submissions."""
        number = max(len(self.subject.submissions), 1)
        return max(min(MOST_READ, _MOST_COMPARED // number), _READ_AT_ONCE)

    def counts(self) -> Counts | None:
        """The number of entries; None if there are more than :data:`COUNTED` candidates."""
        return None if len(self.candidates) > COUNTED else count(self.entries())

    def _some(self, sequences: Sequence[int], number: int) -> list[Entry]:
        found: list[Entry] = []
        for entry in self.entries(sequences):
            found.append(entry)
            if len(found) == number:
                break
        return found

    def _opened(self) -> Iterator[int]:
        """The views of the submissions themselves, and comparisons with them."""
        for one in self.subject.submissions.values():
            events = AuditEvent.objects.filter(submission=str(one.public_id), action__in=_OF_SUBMISSION)
            yield from self._within(events).values_list("seq", flat=True)

    def _with_keys(self) -> Iterator[int]:
        keys = self.subject.index_keys
        for start in range(0, len(keys), _AT_ONCE):
            named = ShownKey.objects.filter(key__in=keys[start : start + _AT_ONCE])
            yield from self._within(named).values_list("seq", flat=True)

    def _within(self, rows: Any) -> Any:
        return rows.filter(seq__gte=self.span.first, seq__lte=self.span.last)

    def _in_ranges(self) -> Iterator[int]:
        """The lists and exports whose range contains a submission.

        A range of a level begins less than 2^level before each submission in it. So for each level that can
        occur, one part of the index is read, most of which contains the submission.
        """
        submissions = [*self.subject.submissions.values()]
        highest = (Submission.objects.aggregate(Max("pk"))["pk__max"] or 0) + OUT_OF_ORDER
        levels = [*range(highest.bit_length() + 1), UNBOUNDED.bit_length()]
        for start in range(0, len(submissions), _RANGES_AT_ONCE):
            places = ", ".join(
                f"({owner}, {level}, {max(one.pk - 2**level + 1, 0)}, {one.pk})"
                for one in submissions[start : start + _RANGES_AT_ONCE]
                for owner in (SEVERAL, int(one.actor_id))
                for level in levels
            )
            table = connection.ops.quote_name(ShownRange._meta.db_table)
            with connection.cursor() as cursor:
                # Only numbers of the portal's own are in the statement; CROSS JOIN fixes the order on SQLite.
                cursor.execute(
                    f"WITH around (owner, level, low, own) AS (VALUES {places})"  # noqa: S608  # numbers
                    f" SELECT shown.seq FROM around CROSS JOIN {table} AS shown"
                    " WHERE shown.owner = around.owner AND shown.level = around.level"
                    " AND shown.first BETWEEN around.low AND around.own AND shown.last >= around.own"
                    " AND shown.seq BETWEEN %s AND %s",
                    [self.span.first, self.span.last],
                )
                for row in cursor.fetchall():
                    yield row[0]

    def _entry(self, event: AuditEvent, ends: Mapping[int, AuditEvent]) -> Entry | None:
        """The entry of a candidate; None if it did not show the subject after all."""
        if not event.is_readable or not self._genuine(event):
            is_altered = event.is_readable
            return Entry(event, Verdict.POSSIBLE, Doubt.ALTERED if is_altered else Doubt.UNREADABLE)
        if (always := _ALWAYS.get(event.action)) is not None:
            return Entry(event, *always)
        match event.action:
            case SUBMISSIONS_LISTED.name:
                return self._listed(event)
            case EXPORT_STARTED.name:
                return self._exported(event, ends.get(event.seq))
            case VENDOR_RECORD_VIEWED.name | VENDOR_RECORDS_SEARCHED.name:
                return self._records(event)
            case FIGURES_VIEWED.name | FIGURES_EXPORTED.name if event.details.get("count"):
                return Entry(event, Verdict.POSSIBLE, Doubt.COUNTED)
            case action if action in batches.SHOWING:
                return self._list_of_people(event)
        return None

    def _records(self, event: AuditEvent) -> Entry | None:
        """The entry of a view of the vendor's records, or of a search for them."""
        details, subject = event.details, self.subject
        consumers, guests = (_words(details.get(name)) for name in ("consumers", "guests"))
        is_found = details.get("result") == "found"
        is_named = subject.names_consumer([event.consumer_ref, *consumers]) or subject.names_guest(
            [event.guest_ref, *guests]
        )
        if is_found and is_named:
            return Entry(event, Verdict.SHOWED)
        if is_named and details.get("result") == "copied":
            return Entry(event, Verdict.POSSIBLE, Doubt.COPIED_BEFORE)
        if reference_key(str(details.get(SEARCH) or "")) in self._search_keys:
            if not is_found:
                return Entry(event, Verdict.SEARCHED)
            # A guest with the value was found, whether or not the portal knows the guest's reference.
            if max(len(_words(details.get("by"))), subject.values) == 1:
                return Entry(event, Verdict.SHOWED)
            return Entry(event, Verdict.POSSIBLE, Doubt.SEVERAL_VALUES)
        shown = (details.get("shown"), details.get("guest_count") or details.get("count"))
        known = (len(consumers), len(guests))
        if is_found and any(isinstance(one, int) and one > of for one, of in zip(shown, known, strict=True)):
            return Entry(event, Verdict.POSSIBLE, Doubt.MORE_SHOWN)
        return None

    def _listed(self, event: AuditEvent) -> Entry | None:
        try:
            runs = [*read_runs(_words(event.details.get("rows")))]
        except ValueError:
            return Entry(event, Verdict.POSSIBLE, Doubt.UNREADABLE)
        if any(first <= own <= last for own in self.subject.submissions for first, last in runs):
            return Entry(event, Verdict.SHOWED)
        return None

    def _list_of_people(self, event: AuditEvent) -> Entry | None:
        try:
            doubt = batches.doubt_about(event, self.subject, self._histories)
        except Different:
            return None
        except ValueError:  # altered
            doubt = Doubt.UNREADABLE
        return Entry(event, Verdict.POSSIBLE if doubt else Verdict.SHOWED, doubt)

    def _exported(self, event: AuditEvent, end: AuditEvent | None) -> Entry | None:
        if end is not None and not self._genuine(end):
            return Entry(event, Verdict.POSSIBLE, Doubt.ALTERED)
        export = PastExport(event, end, self._find_search)
        doubts: list[Doubt] = []
        for history in self._histories:
            try:
                doubt = export.doubt_about(history)
            except Different:
                continue
            except (TypeError, ValueError, OverflowError):  # altered: the portal records no such value
                doubt = Doubt.UNREADABLE
            if doubt is None:
                return Entry(event, Verdict.SHOWED)
            doubts.append(doubt)
        return Entry(event, Verdict.POSSIBLE, doubts[0]) if doubts else None

    @cached_property
    def _kept(self) -> dict[int, Entry | None]:
        return {}

    @cached_property
    def _find_search(self) -> Callable[[str], searches.Search | None]:
        return cache(find_search)

    @cached_property
    def _genuine(self) -> GenuineEvents:
        return GenuineEvents()

    @cached_property
    def _histories(self) -> list[History]:
        return [History(one, self._genuine) for one in self.subject.submissions.values()]

    @cached_property
    def _search_keys(self) -> frozenset[str]:
        return frozenset(map(reference_key, self.subject.searches))


def _ends_of(events: Iterable[AuditEvent]) -> dict[int, AuditEvent]:
    """The end of each export that starts with one of these events, by the start's sequence number."""
    starts = {
        key_of(EXPORT_KEY, event.details.get("export") or ""): event.seq
        for event in events
        if event.action == EXPORT_STARTED.name
    }
    if not starts:
        return {}
    named = ShownKey.objects.filter(key__in=[*starts]).order_by("seq").values_list("key", "seq")
    later = [(starts[key], seq) for key, seq in named if seq > starts[key]]
    stored = AuditEvent.objects.in_bulk([seq for _start, seq in later])
    ends: dict[int, AuditEvent] = {}
    for start, seq in later:
        if seq in stored:
            ends.setdefault(start, stored[seq])
    return ends


def _words(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _position(seq: int, *, newer: bool = False) -> keyset.Position:
    return keyset.Position((seq,), newer=newer)
