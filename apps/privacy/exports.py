"""Whether an export contained a submission, from the events of both: yes, no, or why it cannot be said.

What never changes after a submission is stored (its time, its author, its order) decides exactly. What can
change (its outcome, its references) decides where the log shows that it did not change in between.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from apps.audit.models import AuditEvent
from apps.consumers import searches
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_FOUND_LATE,
    CONSUMER_LATE_ANSWER,
    CONSUMER_NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_REJECTED,
    CONSUMER_RESOLUTION_CORRECTED,
    CONSUMER_RESOLVED,
)
from apps.consumers.models import DigestKind, Outcome, Submission
from apps.core.parts import VALUES_AT_ONCE, in_parts
from apps.core.references import spellings
from apps.history.audit_events import EXPORT_FINISHED
from apps.history.selection import REFERENCES

_FIXED: Final = {
    CONSUMER_CREATE_REQUESTED.name: Outcome.SENDING,
    CONSUMER_CREATED.name: Outcome.CREATED,
    CONSUMER_REJECTED.name: Outcome.REJECTED,
    CONSUMER_NOT_SENT.name: Outcome.NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN.name: Outcome.UNKNOWN,
}
_RESOLVING: Final = (CONSUMER_RESOLVED.name, CONSUMER_RESOLUTION_CORRECTED.name)
_CHANGES: Final = (*_FIXED, *_RESOLVING, CONSUMER_LATE_ANSWER.name, CONSUMER_FOUND_LATE.name)
_STATES: Final = frozenset(
    {"outcomes", "attention", "consumer_ref", "guest_ref", "reason", "answered_from", "answered_under"}
)
"""The filters whose result can change after a submission is stored."""
_UNCHANGING: Final[dict[str, Callable[[Submission, str], bool]]] = {
    "since": lambda submission, value: submission.submitted_at >= _moment(value),
    "until": lambda submission, value: submission.submitted_at < _moment(value),
    "person": lambda submission, value: str(submission.actor_id) == value,
    "order_ref": lambda submission, value: submission.order_ref.lower() in spellings(value),
    "batch": lambda submission, value: submission.batch == uuid.UUID(value),
}
"""The filters whose result never changes, each with whether a submission matches a value."""
COMPARED: Final = frozenset({*_UNCHANGING, *_STATES, *DigestKind})
"""The names in the filters of an event that are compared. Of a search, the kinds of its values are there."""


class Uncertainty(StrEnum):
    """Why it cannot be said whether an event showed a submission."""

    NOT_COMPLETED = "not_completed"
    WHILE_WRITTEN = "while_written"
    CHANGED_SINCE = "changed_since"
    SEARCH_GONE = "search_gone"
    ERASED = "erased"
    NOT_RECORDED = "not_recorded"
    MORE_SHOWN = "more_shown"
    UNREADABLE = "unreadable"
    ALTERED = "altered"
    COMPARED = "compared"
    COUNTED = "counted"
    COPIED_BEFORE = "copied_before"
    SEVERAL_VALUES = "several_values"
    ROW_UNCERTAIN = "row_uncertain"
    LATER_LIST = "later_list"
    LIKE_A_ROW = "like_a_row"
    OTHER_SPELLING = "other_spelling"
    TWO_OUTCOMES = "two_outcomes"
    HISTORY_ALTERED = "history_altered"


def texts_in(value: object) -> list[str]:
    """The texts of a list in the details of an event; none if there is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def find_search(public_id: str) -> searches.Search | None:
    """The search with this id, as it is now; None if it is gone, or the id was altered."""
    try:
        return searches.find(uuid.UUID(public_id))
    except (searches.SearchNotUsable, ValueError):
        return None


class Different(Exception):
    """The submission does not match the filters."""


@dataclass(frozen=True)
class EventsOf:
    """The events of several submissions, read together when those of one are needed."""

    submissions: Collection[Submission]

    @cached_property
    def by_submission(self) -> Mapping[str, list[AuditEvent]]:
        """The events of each, oldest first, by the submission's public id; without those that have none."""
        found: dict[str, list[AuditEvent]] = {}
        ids = [str(one.public_id) for one in self.submissions]
        for part in in_parts(ids, VALUES_AT_ONCE):
            events = AuditEvent.objects.filter(submission__in=part)
            for event in events.order_by("seq"):
                found.setdefault(event.submission or "", []).append(event)
        return found


@dataclass(frozen=True)
class SubmissionRecord:
    """A submission with what the log says about it.

    ``is_genuine``: whether an event is as the portal recorded it. ``read``: its events, with those of others.
    """

    submission: Submission
    is_genuine: Callable[[AuditEvent], bool]
    read: EventsOf

    @cached_property
    def events(self) -> list[AuditEvent]:
        """Every event of the submission, oldest first."""
        return self.read.by_submission.get(str(self.submission.public_id), [])

    @cached_property
    def is_altered(self) -> bool:
        """Whether one of the events is not as the portal recorded it: then it may have been any of them."""
        return not all(map(self.is_genuine, self.events))

    @cached_property
    def changes(self) -> list[tuple[int, frozenset[str]]]:
        """Sequence number of each change and the outcomes after it, oldest first."""
        found: list[tuple[int, frozenset[str]]] = []
        for event in self.events:
            if event.action in _CHANGES:
                found.append((event.seq, _outcomes_after(event, found[-1][1] if found else frozenset())))
        return found

    @cached_property
    def requested(self) -> int:
        """The number of the event that stored it; 0 if the log no longer has it."""
        stored = (one.seq for one in self.events if one.action == CONSUMER_CREATE_REQUESTED.name)
        return next(stored, 0)

    @cached_property
    def digests(self) -> set[tuple[str, bytes]]:
        """Kind and digest of each of its values; none if it was erased."""
        return {(kind, bytes(one)) for kind, one in self.submission.digests.values_list("kind", "digest")}

    def changed_between(self, first: int, last: int) -> bool:
        """Whether it changed after the event ``first``, up to the event ``last``."""
        return any(first < seq <= last for seq, _outcomes in self.changes)

    def outcomes_at(self, seq: int) -> frozenset[str]:
        """Its outcome at this event, or both of a contradicted absence; empty if the log does not say.

        An absence that something contradicts is exported as unknown. Earlier versions of the portal exported
        it as not created, and no event says which version made an export.
        """
        known = [outcomes for at, outcomes in self.changes if at <= seq]
        return known[-1] if known else frozenset()


@dataclass(frozen=True)
class PastExport:
    """The events of one export. ``end``: None if it has not ended, or the log does not have its end.

    ``find_search``: as :func:`find_search`, which a caller with many exports can cache.
    """

    start: AuditEvent
    end: AuditEvent | None
    find_search: Callable[[str], searches.Search | None]

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The data of the start."""
        return self.start.details

    @cached_property
    def filters(self) -> dict[str, list[str]]:
        """The values by the name of the filter; no value if the event does not have it."""
        given: dict[str, list[str]] = {}
        for text in self.facts.get("filters") or []:
            name, colon, value = str(text).partition(":")
            given.setdefault(name, []).extend([value] if colon else [])
        return given

    @cached_property
    def search(self) -> searches.Search | None:
        """The search that it was limited to, as it is now; None if there is none, or it is gone."""
        return self.find_search(str(self.facts.get("search")))

    def uncertainty_about(self, record: SubmissionRecord) -> Uncertainty | None:
        """None if it contained the submission for certain; else why it may have.

        Raises :class:`Different` if it certainly did not contain it.
        """
        start, end = self.start.seq, self.end.seq if self.end else 2**63 - 1
        # First the filters that need no event of the submission.
        uncertainties = [self._unchanging(record.submission), self._searched(record)]
        if record.is_altered:
            return Uncertainty.HISTORY_ALTERED
        if record.requested > end:
            raise Different
        uncertainties.append(self._states(record, start, end))
        if record.requested > start:
            uncertainties.append(Uncertainty.WHILE_WRITTEN)
        elif self._is_outside_the_bounds(record, end):
            raise Different
        if self.end is None or self.end.action != EXPORT_FINISHED.name:
            uncertainties.append(Uncertainty.NOT_COMPLETED)
        uncertainties.append(self._other_spelling(record.submission))
        return next((one for one in uncertainties if one), None)

    def _is_outside_the_bounds(self, record: SubmissionRecord, end: int) -> bool:
        """Whether its row number is not between the lowest and the highest of the selected rows.

        They were read before the start, after the event ``head``: they say something of a submission that
        the log had by then, and that no event up to the end has changed. Attention can also end by an event
        of another submission.
        """
        head, first, last = (self.facts.get(name) for name in ("head", "first", "last"))
        if head is None or not 0 < record.requested <= head or "attention" in self.filters:
            return False
        return not record.changed_between(head, end) and not (
            (first or 0) <= record.submission.pk <= (last or 0)
        )

    def _unchanging(self, submission: Submission) -> Uncertainty | None:
        """Compare the filters whose result never changes."""
        if self.facts.get("scope") == "own" and str(submission.actor_id) != self.start.actor_id:
            raise Different
        # A filter that nobody compares may have left the submission out.
        uncertainty = None if COMPARED.issuperset(self.filters) else Uncertainty.NOT_RECORDED
        for name, matches in _UNCHANGING.items():
            for value in self.filters.get(name, ()):
                if not matches(submission, value):
                    raise Different
            if self.filters.get(name) == []:
                uncertainty = Uncertainty.NOT_RECORDED
        return uncertainty

    def _other_spelling(self, submission: Submission) -> Uncertainty | None:
        """Why it may be missing if a reference equals its filter only without regard to dashes; else None.

        Earlier versions of the portal ignored only case, and no event says which version made an export. The
        lowest and the highest selected row were in the export, however their references are written.
        """
        if self._is_first_or_last(submission):
            return None
        given = [(name, value) for name in REFERENCES for value in self.filters.get(name, ())]
        is_other = any(getattr(submission, name).lower() != value.lower() for name, value in given)
        return Uncertainty.OTHER_SPELLING if is_other else None

    def _is_first_or_last(self, submission: Submission) -> bool:
        return submission.pk in (self.facts.get("first"), self.facts.get("last"))

    def _searched(self, record: SubmissionRecord) -> Uncertainty | None:
        if not self.facts.get("search"):
            return None
        if self.search is None:
            return Uncertainty.SEARCH_GONE
        if not record.digests:
            return Uncertainty.ERASED
        for kind, digests in self.search.digests:
            if not any((kind.value, one) in record.digests for one in digests):
                raise Different
        return None

    def _states(self, record: SubmissionRecord, start: int, end: int) -> Uncertainty | None:
        """Compare the filters whose result can change."""
        given = {name: values for name, values in self.filters.items() if name in _STATES}
        if not given:
            return None
        if record.changed_between(start, end):
            return Uncertainty.WHILE_WRITTEN
        uncertainty: Uncertainty | None = None
        if outcomes := given.pop("outcomes", None):
            possible = record.outcomes_at(start)
            if possible and possible.isdisjoint(outcomes):
                raise Different
            if not possible:
                uncertainty = Uncertainty.CHANGED_SINCE
            elif not possible.issubset(outcomes) and not self._is_first_or_last(record.submission):
                uncertainty = Uncertainty.TWO_OUTCOMES
        if not given:
            return uncertainty
        if record.changed_between(start, 2**63 - 1) or "attention" in given:
            # Attention: a submission with the same reference may have changed it.
            return Uncertainty.CHANGED_SINCE
        return _compare_states(record.submission, given) or uncertainty


def _outcomes_after(event: AuditEvent, before: frozenset[str]) -> frozenset[str]:
    """The outcomes after a change, as ``SubmissionRecord.outcomes_at``. ``before``: those before it."""
    if event.action in _FIXED:
        return frozenset({_FIXED[event.action]})
    if event.action in _RESOLVING:
        # Reconciliation confirms only created consumers.
        return frozenset({str(event.details.get("outcome") or Outcome.CREATED)})
    is_found = event.action == CONSUMER_FOUND_LATE.name
    has_consumer = is_found or event.details.get("answer_outcome") == Outcome.CREATED
    return before | {Outcome.UNKNOWN} if has_consumer and before == {Outcome.NOT_CREATED} else before


def _compare_states(submission: Submission, given: Mapping[str, Sequence[str]]) -> Uncertainty | None:
    """Compare the filters with a submission that has not changed since. Raises :class:`Different`."""
    duration = submission.duration_ms
    compared: dict[str, Callable[[str], bool]] = {
        "consumer_ref": lambda value: submission.consumer_ref.lower() in spellings(value),
        "guest_ref": lambda value: submission.guest_ref.lower() in spellings(value),
        "reason": lambda value: submission.error_code == value,
        "answered_from": lambda value: duration is not None and duration >= int(value),
        "answered_under": lambda value: duration is not None and duration < int(value),
    }
    if any(not matches(value) for name, matches in compared.items() for value in given.get(name, ())):
        raise Different
    return Uncertainty.NOT_RECORDED if [] in given.values() else None


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
