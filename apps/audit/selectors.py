"""Queries for the audit log."""

from __future__ import annotations

import dataclasses
import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from apps.audit.events import WORD
from apps.audit.models import AuditEvent
from apps.audit.registry import EventGroup, EventOutcome, event_types, find_event_type
from apps.core import clock, keyset, references

NEWEST_BY = ("seq",)
REFERENCES = ("consumer_ref", "submission", "order_ref", "guest_ref")
FEW = 200
"""Up to this number of matching events, their sequence numbers are listed in the query."""
RELATED = 50
"""Maximum number of related events on the page of an event."""
VIEWS = 20
"""Maximum number of events of views in the timeline of a receipt."""
COUNTED = 1_000
"""Up to this number, matching events are counted."""
WITHOUT_SYSTEM = "without_system"
"""What events and files name among the filters if what the portal did by itself is left out."""
_KEYS = 5_000  # sequence numbers per query
_TYPED = frozenset({"session", "address", "reference"})


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Filters of the log. An event must match every filter that is not empty.

    What the portal did by itself (group System, no failure) is left out, unless ``group``, ``action`` or
    ``with_system`` asks for it.
    """

    since: dt.datetime | None = None  # inclusive
    until: dt.datetime | None = None  # exclusive
    person: str = ""  # id of the actor
    account: str = ""  # id of the person that the event is about
    group: EventGroup | None = None
    with_system: bool = False
    action: str = ""
    outcome: EventOutcome | None = None
    session: str = ""  # id of the actor's sign-in
    address: str = ""  # of the client
    reference: str = ""  # of an order, consumer, guest or submission
    failures: bool = False

    @property
    def hides_system(self) -> bool:
        """Whether what the portal did by itself is left out, although it could match the other filters.

        It has no person and no session, and is not a failure.
        """
        is_asked_for = self.group or self.with_system or self.action
        is_excluded = self.person or self.session or self.failures
        return not (is_asked_for or is_excluded) and self.outcome in (None, EventOutcome.DONE)

    @property
    def is_selective(self) -> bool:
        """Whether a filter is in use, apart from the group System."""
        return self != LogFilter(with_system=self.with_system)

    def recorded(self, *, found: bool) -> list[str]:
        """The filters in use as their event records them, such as ``action:consumer.created``.

        ``without_system`` is among them if other filters are in use and :attr:`hides_system` holds.
        ``found``: whether an event matches. Otherwise a reference, an address, a session, or the id of a
        person that is not a number, may be any text that somebody typed. So it is recorded without its
        value, like a value that an event cannot have.
        """
        texts = []
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if isinstance(value, dt.datetime):
                value = f"{value.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
            named = f"{one.name}:{value}"
            is_typed = one.name in _TYPED or (one.name in ("person", "account") and not value.isdecimal())
            is_hidden = value is True or (is_typed and not found)
            if value:
                texts.append(one.name if is_hidden or not WORD.fullmatch(named) else named)
        return [*texts, WITHOUT_SYSTEM] if texts and self.hides_system else texts


class Related(NamedTuple):
    """The first :data:`RELATED` events that belong to another one. ``has_more``: whether there are others."""

    events: list[AuditEvent]
    has_more: bool


class SubmissionEvents(NamedTuple):
    """Events of a submission, oldest first. ``left_out``: how many earlier events of views are left out."""

    events: tuple[AuditEvent, ...]
    left_out: int


def page_of_log(
    asked: LogFilter, *, last: int, size: int, position: keyset.Position | None, oldest_first: bool
) -> keyset.Page[AuditEvent]:
    """A page of the events up to ``last`` that match.

    Raises ``UnreadableKey`` as :func:`apps.core.keyset.page_of` does.

    Each condition has an index that ends with the sequence number, so a page takes the same time at any size
    of the log. With several conditions the database uses one index, within the bounds from :func:`_combined`;
    a group beside another filter has no bounds of its own.
    """
    return keyset.page_of(
        [events.filter(seq__lte=last) for events in _lists_of(asked)],
        NEWEST_BY,
        size=size,
        position=position,
        oldest_first=oldest_first,
        whole=AuditEvent.objects.all(),
    )


def count_matches(asked: LogFilter, *, last: int) -> int | None:
    """The number of events up to ``last`` that match; None if there are more than :data:`COUNTED`."""
    found: set[int] = set()
    for events in _lists_of(asked, in_order=False):
        upto = events.filter(seq__lte=last).order_by()
        found.update(upto.values_list("seq", flat=True)[: COUNTED + 1])
        if len(found) > COUNTED:
            return None
    return len(found)


def has_matches(asked: LogFilter, *, first: int, last: int) -> bool:
    """Whether an event from ``first`` to ``last`` matches."""
    lists = _lists_of(asked, in_order=False)
    return any(events.filter(seq__gte=first, seq__lte=last).exists() for events in lists)


def matching_sequences(asked: LogFilter, *, first: int, last: int) -> Iterator[int]:
    """The sequence numbers of the matching events from ``first`` to ``last``, ascending, each once.

    Reads a few thousand at a time. Raises the database's errors.
    """
    previous = None
    for seq in heapq.merge(*(_sequences(events, first, last) for events in _lists_of(asked))):
        if seq != previous:
            yield seq
        previous = seq


def _sequences(events: QuerySet[AuditEvent], first: int, last: int) -> Iterator[int]:
    while True:
        within = events.filter(seq__gte=first, seq__lte=last).order_by("seq")
        found = list(within.values_list("seq", flat=True)[:_KEYS])
        yield from found
        if len(found) < _KEYS:
            return
        first = found[-1] + 1


def _lists_of(asked: LogFilter, *, in_order: bool = True) -> list[QuerySet[AuditEvent]]:
    """Querysets whose union are the matching events. Each is answered from one index.

    ``in_order``: they will be sorted by sequence number. Otherwise fewer of them are enough.
    """
    possible = _without_contradiction(asked)
    if possible is None:
        return []
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
        return []
    if asked.hides_system:
        by_itself = Q(actor_id__isnull=True, failure=False, action__in=_actions_of(EventGroup.SYSTEM))
        span &= ~by_itself
    if asked.group and (conditions or asked.reference or not in_order):
        # An index finds the events of the other filters, or no order is needed: one condition is enough.
        span &= Q(action__in=_actions_of(asked.group, asked.outcome))
        asked = dataclasses.replace(asked, group=None, outcome=None)
    lists: list[QuerySet[AuditEvent]] = []
    for one in _alternatives(asked):
        together = _combined([*conditions, *([one] if one else [])], span)
        if together is not None:
            events = AuditEvent.objects.filter(together)
            lists += [events.filter(where) for where in _with_reference(asked.reference)]
    return lists


def last_event() -> int:
    """The sequence number of the last event; 0 in an empty log."""
    return AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def find_event(seq: int) -> AuditEvent | None:
    """The event with this sequence number, or None."""
    return AuditEvent.objects.filter(seq=seq).first()


def events_of_submission(submission_id: str, *, without: str) -> SubmissionEvents:
    """The events of a submission, for the timeline of its receipt. Of views, only the latest :data:`VIEWS`.

    ``without``: the action of opening the receipt, one of the views; its events are neither read nor counted.
    The actions are compared as expressions, as in :func:`newest_about`.
    """
    events = AuditEvent.objects.filter(submission=submission_id).annotate(compared=Lower("action"))
    actions = _actions_of(EventGroup.VIEWS)
    others = events.exclude(compared__in=actions)
    views = events.filter(compared__in=[action for action in actions if action != without])
    latest = list(views.order_by("-seq")[:VIEWS])
    left_out = views.count() - len(latest) if len(latest) == VIEWS else 0
    return SubmissionEvents(tuple(sorted([*others, *latest], key=lambda event: event.seq)), left_out)


def newest_about(person_id: str, action: str, count: int) -> list[AuditEvent]:
    """The newest events about an account (not by it) with this action, newest first, at most ``count``.

    The account's index has them in their order. The action is compared as an expression, so that no database
    reads this action of all people instead.
    """
    about = AuditEvent.objects.filter(person=person_id)
    return list(about.annotate(compared=Lower("action")).filter(compared=action).order_by("-seq")[:count])


def same_request(event: AuditEvent) -> Related:
    """The other events of the same request, oldest first."""
    return _others(event, "request_id")


def same_submission(event: AuditEvent) -> Related:
    """The other events of the same submission, oldest first."""
    return _others(event, "submission")


def people() -> list[tuple[str, str]]:
    """Ids and labels of all accounts, sorted by name."""
    found = get_user_model().objects.order_by("name", "username").values_list("pk", "name", "username")
    return [(str(pk), f"{name} ({username})") for pk, name, username in found]


def _others(event: AuditEvent, column: str) -> Related:
    value = getattr(event, column)
    if not value:
        return Related([], has_more=False)
    others = AuditEvent.objects.filter(**{column: value}).exclude(seq=event.seq).order_by("seq")
    found = list(others[: RELATED + 1])
    return Related(found[:RELATED], has_more=len(found) > RELATED)


def _without_contradiction(asked: LogFilter) -> LogFilter | None:
    """The filter without redundant conditions; None if its conditions contradict each other.

    A contradiction would make the database search the whole log.
    """
    action = find_event_type(asked.action)
    outcome = action.outcome if action else asked.outcome
    if action and asked.group not in (None, action.group):
        return None
    if asked.outcome not in (None, outcome) or (asked.failures and outcome is EventOutcome.DONE):
        return None
    return dataclasses.replace(
        asked,
        group=None if action else asked.group,
        outcome=None if action else outcome,
        failures=asked.failures and outcome is None,
    )


def _alternatives(asked: LogFilter) -> list[Q]:
    """Conditions of which an event matches at least one: those of its group, or of its outcome."""
    if asked.group:
        # Of several actions at once, no index has the events in their order.
        return [Q(action=action) for action in _actions_of(asked.group, asked.outcome)]
    return conditions_of(asked.outcome) if asked.outcome else [Q()]


def _actions_of(group: EventGroup, outcome: EventOutcome | None = None) -> list[str]:
    return [one.name for one in event_types() if one.group is group and outcome in (None, one.outcome)]


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
        first = events.filter(time__gte=clock.to_microseconds(since)).order_by("time", "seq").first()
        if first is None:
            return None
        span &= Q(seq__gte=first)
    if until is not None:
        last = events.filter(time__lt=clock.to_microseconds(until)).order_by("-time", "-seq").first()
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
    """One condition per column and spelling: in either case, with and without dashes."""
    if not reference:
        return [Q()]
    spellings = {reference: None}
    for spelling in references.spellings(reference):
        spellings |= {spelling: None, spelling.upper(): None}
    return [Q(**{column: spelling}) for column in REFERENCES for spelling in spellings]
