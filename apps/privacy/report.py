"""The events that showed a person's data, or could have, newest first.

The candidates are every event that can have shown the subject (``apps.privacy.candidates``). Each is then
read, and says itself what it showed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from typing import Final

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
from apps.consumers.models import ShownKey
from apps.consumers.recording import SEARCH, key_of, read_runs
from apps.core.references import reference_key
from apps.core.web import keyset
from apps.history.audit_events import EXPORT_STARTED, FIGURES_EXPORTED, FIGURES_VIEWED
from apps.history.exports.services import EXPORT_KEY
from apps.privacy import batches
from apps.privacy.audit_events import ACCESS_REPORT_SEARCHED
from apps.privacy.candidates import LAST, Candidates, Span
from apps.privacy.exports import Different, Doubt, History, PastExport, find_search
from apps.privacy.subjects import Subject

COUNTED: Final = 1_000
"""Up to this number of candidates, the entries of a report are counted on its page."""
MOST_READ: Final = 2_000
"""Candidates that are read for a page at most. A page ends there, with as many entries as it has by then."""
NEWEST_BY: Final = ("seq",)
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
class ReportPage(keyset.Page[Entry]):
    """A page of a report. ``is_cut``: it reads no more, and there may be entries between it and the next.

    ``is_newer``: it was read in the direction of newer events.
    """

    is_cut: bool = False
    is_newer: bool = False


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
    def candidates(self) -> Candidates:
        """Finds the events that can have shown the subject."""
        return Candidates(self.subject, self.span)

    @property
    def is_empty(self) -> bool:
        """Whether no event can have shown the subject."""
        return not self._newest

    @cached_property
    def _newest(self) -> list[int]:
        """The newest candidates, descending: enough for the first page, and all if these can be counted."""
        return self.candidates.newest(max(COUNTED, self.most_read) + 1)

    @property
    def _are_counted(self) -> bool:
        return len(self._newest) <= COUNTED

    def entries(self, sequences: Sequence[int] | None = None) -> Iterator[Entry]:
        """The entries of these candidates, in their order. None: of all, in the order of the log."""
        wanted = self.candidates.all() if sequences is None else sequences
        is_kept = self._are_counted  # the page has entries, and all are counted
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

    def page(self, *, size: int, position: keyset.Position | None) -> ReportPage:
        """A page of entries, newest first. The positions are the events' sequence numbers.

        Whether a candidate is an entry is known only when it was read, and each page reads a limited number.
        So a page may have fewer entries, or none, and lead to others.
        """
        if position is not None and position.newer:
            read, is_last = self._part(position.key[0], newer=True)
            some = self._some(read, size + 1)
            if len(some) <= size and is_last:
                return self.page(size=size, position=None)  # the beginning, as a full page
            is_cut = len(some) <= size
            last = read[-1] if is_cut else some[size - 1].event.seq
            older = _position(min(position.key[0] + 1, LAST))
            newer = _position(last, newer=True)
            return ReportPage(some[:size][::-1], newer, older, is_cut=is_cut, is_newer=True)
        read, is_last = self._part(None if position is None else position.key[0], newer=False)
        some = self._some(read, size + 1)
        is_cut = len(some) <= size and not is_last
        older = None
        if len(some) > size:
            older = _position(some[size - 1].event.seq)
        elif is_cut:
            older = _position(read[-1])
        newer = None
        if position is not None and self._has_any_before(position.key[0]):
            newer = _position(position.key[0] - 1, newer=True)
        return ReportPage(some[:size], newer, older, is_cut=is_cut)

    @cached_property
    def most_read(self) -> int:
        """The number of candidates that are read for a page at most: fewer for many submissions."""
        number = max(len(self.subject.submissions), 1)
        return max(min(MOST_READ, _MOST_COMPARED // number), _READ_AT_ONCE)

    def counts(self) -> Counts | None:
        """The number of entries; None if there are more than :data:`COUNTED` candidates."""
        return count(self.entries(self._newest)) if self._are_counted else None

    def _some(self, sequences: Sequence[int], number: int) -> list[Entry]:
        found: list[Entry] = []
        for entry in self.entries(sequences):
            found.append(entry)
            if len(found) == number:
                break
        return found

    def _part(self, key: int | None, *, newer: bool) -> tuple[list[int], bool]:
        """The candidates that a page reads from this number on, and whether there are no more.

        Those above the number, ascending, if ``newer``; else those below, descending. None: the newest.
        """
        number = self.most_read
        if self._are_counted:
            below = [seq for seq in self._newest if key is None or seq < key]
            found = [seq for seq in self._newest[::-1] if key is not None and seq > key] if newer else below
        elif newer:
            found = self.candidates.oldest(number + 1, after=key or 0)
        elif key is None:
            found = self._newest
        else:
            found = self.candidates.newest(number + 1, before=key)
        return found[:number], len(found) <= number

    def _has_any_before(self, key: int) -> bool:
        """Whether a candidate is older than this number: otherwise the page is behind all of them."""
        known = self._newest
        return any(seq < key for seq in known) or (
            not self._are_counted and bool(self.candidates.newest(1, before=key))
        )

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
