"""Queries for the audit log."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from functools import reduce
from operator import and_

from django.contrib.auth import get_user_model
from django.db.models import Q

from apps.audit.models import AuditEvent
from apps.audit.registry import EventOutcome, event_types, find_event_type
from apps.core.web import keyset

NEWEST_BY = ("seq",)
REFERENCES = ("consumer_ref", "submission", "order_ref", "guest_ref")
FEW = 200
"""Up to this number of matching events, their sequence numbers are listed in the query."""
RELATED = 50
"""Maximum number of related events on the page of an event."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Filters of the log. An event must match every filter that is not empty."""

    since: dt.datetime | None = None  # inclusive
    until: dt.datetime | None = None  # exclusive
    person: str = ""  # id of the actor
    account: str = ""  # id of the person that the event is about
    action: str = ""
    outcome: EventOutcome | None = None
    session: str = ""  # id of the actor's sign-in
    address: str = ""  # of the client
    reference: str = ""  # of an order, consumer, guest or submission
    failures: bool = False

    def kinds(self) -> list[str]:
        """The names of the filters in use, without their values, as they are recorded."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name)]


def page_of_log(
    asked: LogFilter, *, size: int, position: keyset.Position | None, oldest_first: bool
) -> keyset.Page[AuditEvent]:
    """A page of the matching events. Raises ``UnreadableKey`` as :func:`apps.core.web.keyset.page_of` does.

    Each condition has an index that ends with the sequence number, so a page takes the same time at any size
    of the log. With several conditions the database uses one index, within the bounds from :func:`_combined`.
    """
    possible = _without_contradiction(asked)
    if possible is None:
        return keyset.Page([])
    asked = possible
    exactly = {
        "actor_id": asked.person,
        "person": asked.account,
        "action": asked.action,
        "session": asked.session,
        "client_address": asked.address,
        "failure": asked.failures,
    }
    conditions = [Q(**{name: value}) for name, value in exactly.items() if value]
    span = sequence_filter(asked.since, asked.until)
    if span is None:
        return keyset.Page([])
    lists = []
    for of_outcome in conditions_of(asked.outcome) if asked.outcome else [Q()]:
        together = _combined([*conditions, *([of_outcome] if of_outcome else [])], span)
        if together is not None:
            events = AuditEvent.objects.filter(together)
            lists += [events.filter(where) for where in _with_reference(asked.reference)]
    whole = AuditEvent.objects.all()
    return keyset.page_of(
        lists, NEWEST_BY, size=size, position=position, oldest_first=oldest_first, whole=whole
    )


def find_event(seq: int) -> AuditEvent | None:
    """The event with this sequence number, or None."""
    return AuditEvent.objects.filter(seq=seq).first()


def events_of_submission(submission_id: str) -> tuple[AuditEvent, ...]:
    """All events of a submission, oldest first, for the timeline of its receipt."""
    return tuple(AuditEvent.objects.filter(submission=submission_id).order_by("seq"))


def events_of_person(person_id: str) -> tuple[AuditEvent, ...]:
    """All events about an account (not by it), oldest first."""
    return tuple(AuditEvent.objects.filter(person=person_id).order_by("seq"))


def same_request(event: AuditEvent) -> list[AuditEvent]:
    """The other events of the same request, oldest first, at most :data:`RELATED`."""
    return _others(event, "request_id")


def same_submission(event: AuditEvent) -> list[AuditEvent]:
    """The other events of the same submission, oldest first, at most :data:`RELATED`."""
    return _others(event, "submission")


def people() -> list[tuple[str, str]]:
    """Ids and labels of all accounts, sorted by name."""
    found = get_user_model().objects.order_by("name", "username").values_list("pk", "name", "username")
    return [(str(pk), f"{name} ({username})") for pk, name, username in found]


def _others(event: AuditEvent, column: str) -> list[AuditEvent]:
    value = getattr(event, column)
    if not value:
        return []
    return list(AuditEvent.objects.filter(**{column: value}).exclude(seq=event.seq).order_by("seq")[:RELATED])


def _without_contradiction(asked: LogFilter) -> LogFilter | None:
    """The filter without redundant conditions; None if its conditions contradict each other.

    A contradiction would make the database search the whole log.
    """
    action = find_event_type(asked.action)
    outcome = action.outcome if action else asked.outcome
    if asked.outcome not in (None, outcome) or (asked.failures and outcome is EventOutcome.DONE):
        return None
    return dataclasses.replace(
        asked,
        outcome=None if action else outcome,
        failures=asked.failures and outcome is None,
    )


def conditions_of(outcome: EventOutcome) -> list[Q]:
    """The conditions for an outcome, one per index; their results together are all its events."""
    if outcome is EventOutcome.DONE:
        return [Q(failure=False)]
    named = {one.name: one.outcome for one in event_types() if one.failure}
    if outcome is EventOutcome.FAILED:
        others = [name for name, own in named.items() if own is not EventOutcome.FAILED]
        return [Q(failure=True) & ~Q(action__in=others)]
    return [Q(action=name) for name, own in named.items() if own is outcome]


def sequence_filter(since: dt.datetime | None, until: dt.datetime | None) -> Q | None:
    """A filter for the events of a range of time, by sequence number; None if the range contains no event.

    Sequence numbers increase with time, so the first and the last number define the range.
    """
    events, span = AuditEvent.objects.values_list("seq", flat=True), Q()
    if since is not None:
        first = events.filter(time__gte=_microseconds(since)).order_by("time", "seq").first()
        if first is None:
            return None
        span &= Q(seq__gte=first)
    if until is not None:
        last = events.filter(time__lt=_microseconds(until)).order_by("-time", "-seq").first()
        if last is None:
            return None
        span &= Q(seq__lte=last)
    return span


def _combined(conditions: list[Q], span: Q) -> Q | None:
    """The conjunction of the conditions, with bounds of the sequence number; None if nothing can match.

    With two conditions the database uses one index and assumes that the other condition matches often. For a
    person who left years ago, or a rare action, it would read all later events. So if a condition matches at
    most :data:`FEW` events, they are listed; otherwise the result is bounded by the first and last match of
    each condition.
    """
    every = reduce(and_, conditions, span)
    if len(conditions) < 2:
        return every
    for condition in conditions:
        found = AuditEvent.objects.filter(span, condition).order_by("-seq").values_list("seq", flat=True)
        newest = list(found[: FEW + 1])
        if len(newest) <= FEW:
            return Q(seq__in=newest) & every if newest else None
        every &= Q(seq__gte=found.reverse()[0], seq__lte=newest[0])
    return every


def _with_reference(reference: str) -> list[Q]:
    """One condition per column and spelling: the same reference may be stored in either case."""
    if not reference:
        return [Q()]
    spellings = dict.fromkeys((reference, reference.lower(), reference.upper()))
    return [Q(**{column: spelling}) for column in REFERENCES for spelling in spellings]


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)
