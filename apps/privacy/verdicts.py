"""What an event did with a subject's data: it showed them, could have shown them, or searched for them.

Each event that can have shown a subject is read to decide this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Final

from apps.audit.integrity.valid_macs import GenuineEvents
from apps.audit.models import AuditEvent
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
from apps.consumers.recording import SEARCH, key_of
from apps.core.references import reference_key
from apps.core.runs import read_runs
from apps.history.audit_events import EXPORT_STARTED, FIGURES_EXPORTED, FIGURES_VIEWED
from apps.history.exports.shown_ranges import EXPORT_KEY
from apps.privacy import batches
from apps.privacy.audit_events import ACCESS_REPORT_SEARCHED
from apps.privacy.exports import (
    Different,
    EventsOf,
    PastExport,
    SubmissionRecord,
    Uncertainty,
    find_search,
    texts_in,
)
from apps.privacy.subjects import Subject

NAMING: Final = (
    VENDOR_RECORD_VIEWED.name,
    VENDOR_RECORDS_SEARCHED.name,
    CONSUMER_COMPARED.name,
    SUBMISSIONS_SEARCHED.name,
    ACCESS_REPORT_SEARCHED.name,
)
"""The events that the index has by the consumers, guests and searches that they name."""


class AccessVerdict(StrEnum):
    """What an event did with the subject's data."""

    SHOWED = "showed"
    POSSIBLE = "possible"
    SEARCHED = "searched"  # for the value, whatever was found


# The verdict of an event that names the subject, whatever else it says.
_ALWAYS: Final[dict[str, tuple[AccessVerdict, Uncertainty | None]]] = {
    SUBMISSION_VIEWED.name: (AccessVerdict.SHOWED, None),
    CONSUMER_COMPARED.name: (AccessVerdict.POSSIBLE, Uncertainty.COMPARED),
    SUBMISSIONS_SEARCHED.name: (AccessVerdict.SEARCHED, None),
    ACCESS_REPORT_SEARCHED.name: (AccessVerdict.SEARCHED, None),
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One event of a report. ``uncertainty``: why it is only possible."""

    event: AuditEvent
    verdict: AccessVerdict
    uncertainty: Uncertainty | None = None


@dataclass(frozen=True)
class VerdictReader:
    """Decides what events did with the data of a subject."""

    subject: Subject

    def line_for(self, event: AuditEvent, ends: Mapping[int, AuditEvent]) -> ReportLine | None:
        """The line of a candidate; None if it did not show the subject after all.

        ``ends``: as :func:`ends_of` returns them.
        """
        if not event.is_readable or not self._genuine(event):
            is_altered = event.is_readable
            return ReportLine(
                event, AccessVerdict.POSSIBLE, Uncertainty.ALTERED if is_altered else Uncertainty.UNREADABLE
            )
        if (always := _ALWAYS.get(event.action)) is not None:
            return ReportLine(event, *always)
        match event.action:
            case SUBMISSIONS_LISTED.name:
                return self._listed(event)
            case EXPORT_STARTED.name:
                return self._exported(event, ends.get(event.seq))
            case VENDOR_RECORD_VIEWED.name | VENDOR_RECORDS_SEARCHED.name:
                return self._records(event)
            case FIGURES_VIEWED.name | FIGURES_EXPORTED.name if event.details.get("count"):
                return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.COUNTED)
            case action if action in batches.SHOWING:
                return self._list_of_people(event)
        return None

    def _records(self, event: AuditEvent) -> ReportLine | None:
        """The line of a view of the vendor's records, or of a search for them."""
        details, subject = event.details, self.subject
        consumers, guests = (texts_in(details.get(name)) for name in ("consumers", "guests"))
        is_found = details.get("result") == "found"
        is_named = subject.names_consumer([event.consumer_ref, *consumers]) or subject.names_guest(
            [event.guest_ref, *guests]
        )
        if is_found and is_named:
            return ReportLine(event, AccessVerdict.SHOWED)
        if is_named and details.get("result") == "copied":
            return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.COPIED_BEFORE)
        if reference_key(str(details.get(SEARCH) or "")) in self._search_keys:
            if not is_found:
                return ReportLine(event, AccessVerdict.SEARCHED)
            # A guest with the value was found, whether or not the portal knows the guest's reference.
            if max(len(texts_in(details.get("by"))), subject.values) == 1:
                return ReportLine(event, AccessVerdict.SHOWED)
            return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.SEVERAL_VALUES)
        shown = (details.get("shown"), details.get("guest_count") or details.get("count"))
        known = (len(consumers), len(guests))
        if is_found and any(isinstance(one, int) and one > of for one, of in zip(shown, known, strict=True)):
            return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.MORE_SHOWN)
        return None

    def _listed(self, event: AuditEvent) -> ReportLine | None:
        try:
            runs = read_runs(texts_in(event.details.get("rows")))
        except ValueError:
            return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.UNREADABLE)
        if any(first <= own <= last for own in self.subject.submissions for first, last in runs):
            return ReportLine(event, AccessVerdict.SHOWED)
        return None

    def _list_of_people(self, event: AuditEvent) -> ReportLine | None:
        try:
            uncertainty = batches.uncertainty_about(event, self.subject, self._submission_records)
        except Different:
            return None
        except ValueError:  # altered
            uncertainty = Uncertainty.UNREADABLE
        return ReportLine(event, AccessVerdict.POSSIBLE if uncertainty else AccessVerdict.SHOWED, uncertainty)

    def _exported(self, event: AuditEvent, end: AuditEvent | None) -> ReportLine | None:
        if end is not None and not self._genuine(end):
            return ReportLine(event, AccessVerdict.POSSIBLE, Uncertainty.ALTERED)
        export = PastExport(event, end, self._find_search)
        uncertainties: list[Uncertainty] = []
        for record in self._submission_records:
            try:
                uncertainty = export.uncertainty_about(record)
            except Different:
                continue
            except (TypeError, ValueError, OverflowError):  # altered: the portal records no such value
                uncertainty = Uncertainty.UNREADABLE
            if uncertainty is None:
                return ReportLine(event, AccessVerdict.SHOWED)
            uncertainties.append(uncertainty)
        return ReportLine(event, AccessVerdict.POSSIBLE, uncertainties[0]) if uncertainties else None

    @cached_property
    def _find_search(self) -> Callable[[str], searches.Search | None]:
        return cache(find_search)

    @cached_property
    def _genuine(self) -> GenuineEvents:
        return GenuineEvents()

    @cached_property
    def _submission_records(self) -> list[SubmissionRecord]:
        submissions = self.subject.submissions.values()
        read = EventsOf(submissions)
        return [SubmissionRecord(one, self._genuine, read) for one in submissions]

    @cached_property
    def _search_keys(self) -> frozenset[str]:
        return frozenset(map(reference_key, self.subject.searches))


def ends_of(events: Iterable[AuditEvent]) -> dict[int, AuditEvent]:
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
