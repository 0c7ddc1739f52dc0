"""Record who asked for an access report, and what it showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from apps.audit.events import MAX_NUMBER, REFERENCE, Event, Value
from apps.audit.recording import record
from apps.consumers.models import DigestKind, RecordedSearch
from apps.consumers.recording import record_shown
from apps.consumers.searches import store_search
from apps.core.actor import Actor
from apps.privacy.audit_events import (
    ACCESS_REPORT_EXPORTED,
    ACCESS_REPORT_SEARCHED,
    ACCESS_REPORT_VIEWED,
)
from apps.privacy.report import Counts
from apps.privacy.subjects import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """What a report was asked for, as its address has it: one of the two references, or a search's id.

    ``since``, ``until``: the days, in ISO 8601; empty without.
    """

    consumer_ref: str = ""
    guest_ref: str = ""
    search: str = ""
    since: str = ""
    until: str = ""

    @property
    def about(self) -> str:
        """The code of what it names."""
        return "consumer" if self.consumer_ref else "guest" if self.guest_ref else "search"


def record_value(kind: DigestKind, value: str, *, actor: Actor) -> RecordedSearch:
    """Store for which value a report is wanted, encrypted, and the event. Raises as ``store_search``."""
    with transaction.atomic():
        search = store_search({kind: value}, actor=actor)
        data = {"search": str(search.public_id), "by": search.kinds}
        record_shown(Event(ACCESS_REPORT_SEARCHED, actor, data=data))
    return search


def record_too_many(question: Question, *, actor: Actor) -> None:
    """Record a question that got no report, because its value belongs to too many people."""
    data = {**_facts(question, (), Counts()), "result": "too_many"}
    _record(Event(ACCESS_REPORT_VIEWED, actor, data=data), question, is_known=True)


def record_report_viewed(
    question: Question, subject: Subject, shown: Sequence[int], *, counts: Counts, actor: Actor
) -> None:
    """Record that a page of a report is shown, with its events (sequence numbers). Call it before it is."""
    event = Event(ACCESS_REPORT_VIEWED, actor, data=_facts(question, shown, counts))
    _record(event, question, is_known=subject.is_known)


def record_report_exported(
    question: Question, subject: Subject, shown: Sequence[int], *, counts: Counts, actor: Actor
) -> None:
    """Record that a report is sent as a file, with all its events. Call it before its first byte is sent."""
    event = Event(ACCESS_REPORT_EXPORTED, actor, data=_facts(question, shown, counts))
    _record(event, question, is_known=subject.is_known)


def _facts(question: Question, shown: Sequence[int], counts: Counts) -> dict[str, Value]:
    data: dict[str, Value] = {
        "about": question.about,
        "search": question.search or None,
        "since": question.since or None,
        "until": question.until or None,
        "count": counts.all,
        "possible": counts.possible,
    }
    numbers = [seq for seq in shown if 0 < seq <= MAX_NUMBER]
    if numbers:
        data |= {"first": min(numbers), "last": max(numbers)}
    return {name: value for name, value in data.items() if value is not None}


def _record(event: Event, question: Question, *, is_known: bool) -> None:
    # A reference that nothing is known about may be any text that somebody typed.
    consumer, guest = (
        ref if is_known and REFERENCE.fullmatch(ref) else ""
        for ref in (question.consumer_ref, question.guest_ref)
    )
    with transaction.atomic():
        record(replace(event, consumer_ref=consumer, guest_ref=guest))
