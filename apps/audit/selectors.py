"""Reading the audit log. Nothing here changes anything."""

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
from apps.core import keyset

NEWEST_BY = ("seq",)
REFERENCES = ("consumer_ref", "submission", "order_ref", "guest_ref")
FEW = 200
"""Events that are sooner asked for one by one than sought in the whole log."""
RELATED = 50
"""Events that a page shows beside one; the whole timeline is a list of its own."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What is asked of the log. All that is given holds together; what is not given is empty."""

    since: dt.datetime | None = None  # from that moment on
    until: dt.datetime | None = None  # before that moment
    person: str = ""  # the id of who did it
    account: str = ""  # the id of the person to whom it was done
    action: str = ""
    outcome: EventOutcome | None = None
    address: str = ""  # of the client
    reference: str = ""  # of an order, consumer, guest or submission
    failures: bool = False

    def kinds(self) -> list[str]:
        """What was asked for, without the values: what the log keeps of it."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name)]


def page_of_log(
    asked: LogFilter, *, size: int, position: keyset.Position | None, oldest_first: bool
) -> keyset.Page[AuditEvent]:
    """A page of what is asked for. Raises ``UnreadableKey`` as :func:`apps.core.keyset.page_of` does.

    Each condition is a range of an index that ends in the sequence, so a page costs the same at any size of
    the log. Of several the database follows one, from and to where :func:`_together` finds reason to look.
    """
    possible = _without_contradiction(asked)
    if possible is None:
        return keyset.Page([])
    asked = possible
    exactly = {
        "actor_id": asked.person,
        "person": asked.account,
        "action": asked.action,
        "client_address": asked.address,
        "failure": asked.failures,
    }
    conditions = [Q(**{name: value}) for name, value in exactly.items() if value]
    span = span_of(asked.since, asked.until)
    if span is None:
        return keyset.Page([])
    lists = []
    for of_outcome in conditions_of(asked.outcome) if asked.outcome else [Q()]:
        together = _together([*conditions, *([of_outcome] if of_outcome else [])], span)
        if together is not None:
            events = AuditEvent.objects.filter(together)
            lists += [events.filter(where) for where in _with_reference(asked.reference)]
    whole = AuditEvent.objects.all()
    return keyset.page_of(
        lists, NEWEST_BY, size=size, position=position, oldest_first=oldest_first, whole=whole
    )


def find_event(seq: int) -> AuditEvent | None:
    """One event, or None."""
    return AuditEvent.objects.filter(seq=seq).first()


def events_of_submission(submission_id: str) -> tuple[AuditEvent, ...]:
    """Everything that happened to a submission, first to last: the timeline of its receipt."""
    return tuple(AuditEvent.objects.filter(submission=submission_id).order_by("seq"))


def events_of_person(person_id: str) -> tuple[AuditEvent, ...]:
    """Everything that was done to an account (not by it), first to last."""
    return tuple(AuditEvent.objects.filter(person=person_id).order_by("seq"))


def same_request(event: AuditEvent) -> list[AuditEvent]:
    """The other events of its request, first to last, at most :data:`RELATED`."""
    return _others(event, "request_id")


def same_submission(event: AuditEvent) -> list[AuditEvent]:
    """The other events of its submission, first to last, at most :data:`RELATED`."""
    return _others(event, "submission")


def people() -> list[tuple[str, str]]:
    """The ids of everybody who has an account, with their names, by name."""
    found = get_user_model().objects.order_by("name", "username").values_list("pk", "name", "username")
    return [(str(pk), f"{name} ({username})") for pk, name, username in found]


def _others(event: AuditEvent, column: str) -> list[AuditEvent]:
    value = getattr(event, column)
    if not value:
        return []
    return list(AuditEvent.objects.filter(**{column: value}).exclude(seq=event.seq).order_by("seq")[:RELATED])


def _without_contradiction(asked: LogFilter) -> LogFilter | None:
    """The same without what follows from the rest; None where nothing can be all of it.

    What never meets would be sought in the whole log.
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
    """The events of an outcome: one condition for each index that leads to some of them."""
    if outcome is EventOutcome.DONE:
        return [Q(failure=False)]
    named = {one.name: one.outcome for one in event_types() if one.failure}
    if outcome is EventOutcome.FAILED:
        others = [name for name, own in named.items() if own is not EventOutcome.FAILED]
        return [Q(failure=True) & ~Q(action__in=others)]
    return [Q(action=name) for name, own in named.items() if own is outcome]


def span_of(since: dt.datetime | None, until: dt.datetime | None) -> Q | None:
    """A span of time as a span of the sequence, for both rise together; None where nothing is in it."""
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


def _together(conditions: list[Q], span: Q) -> Q | None:
    """All of them, and where they can hold together; None where they cannot.

    Of two conditions a database follows one index, or none, and expects the other to hold now and then. For
    somebody who left years ago, or an action that is rare, it would read everything since. So the events of
    a condition that has only a :data:`FEW` are found first; otherwise what is asked for lies between the
    first and the last event of each.
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
    """One condition for each column and spelling: who wrote a reference decides its case, nothing else."""
    if not reference:
        return [Q()]
    spellings = dict.fromkeys((reference, reference.lower(), reference.upper()))
    return [Q(**{column: spelling}) for column in REFERENCES for spelling in spellings]


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)
