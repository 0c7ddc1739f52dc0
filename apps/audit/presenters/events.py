"""Present an event: its sentence, its row in a list, its fields and timelines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.audit.integrity.diagnosis import Verdict
from apps.audit.labels import (
    GROUP_LABELS,
    PORTAL,
    VISITOR,
    WITH_SYSTEM,
    action_label,
    detail_label,
    key_label,
    roles_label,
    value_label,
    whole_label,
)
from apps.audit.models import AuditEvent
from apps.audit.presenters.integrity import verdict_text
from apps.audit.registry import EventOutcome, find_event_type, outcome_of, page_of
from apps.audit.selectors import Related
from apps.core.actor import PORTAL_PREFIX
from apps.core.web.filters import Chip, with_query

May = Callable[[str], bool]
"""Whether the reader has a permission."""


def sentence(event: AuditEvent) -> str:
    """The event as one sentence. An action of another version gets a neutral sentence."""
    event_type = find_event_type(event.action)
    values = _values(event)
    if event_type is None:
        return gettext("%(actor)s did something that this version cannot describe (%(action)s)") % values
    chosen = event_type.sentence_for(event.details) if event_type.sentence_for else None
    if not chosen and is_by_portal(event):
        chosen = event_type.sentence_by_portal
    return str(chosen or event_type.sentence) % values


def actor_label(event: AuditEvent) -> str:
    """The actor's label: a person's name, a process of the portal, or an anonymous visitor."""
    if is_by_portal(event):
        return str(PORTAL) % {"process": event.actor_name.removeprefix(PORTAL_PREFIX)}
    return event.actor_name or str(VISITOR)


def is_by_portal(event: AuditEvent) -> bool:
    """Whether a process of the portal is the actor: no person is, whatever their name."""
    return not event.actor_id and event.actor_name.startswith(PORTAL_PREFIX)


_SHAPES = {
    EventOutcome.DONE: "created",
    EventOutcome.FAILED: "rejected",
    EventOutcome.DENIED: "not_sent",
    EventOutcome.BLOCKED: "not_sent",
    EventOutcome.UNKNOWN: "unknown",
    EventOutcome.TO_BE_CHECKED: "unknown",
}
"""The icon and the colour of each outcome."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event as a row of a list: time, who, action, object, from where.

    ``shape`` and ``outcome``: icon and label of an outcome that is not Done, otherwise empty. ``object``: the
    most specific reference or the account, with ``object_title`` in full and ``object_url`` to its events, or
    to the page of a record that its reader may open; or empty for a record that they may not open.
    In an altered row, ``url`` is empty if the sequence number is negative, and ``at`` is None if the time is
    outside the calendar.
    """

    url: str
    at: datetime | None
    who: str
    action: str
    shape: str
    outcome: str
    object: str
    object_title: str
    object_url: str
    origin: str


_SHORT = 8  # characters of a reference in a list


def may_nothing(_permission: str) -> bool:
    """No permission, for readers who are not known."""
    return False


def line(event: AuditEvent, people: Mapping[str, str], may: May = may_nothing) -> Line:
    """An event as a row of a list. ``people``: labels by account id. ``may``: the reader's permissions."""
    shape, label = outcome(event)
    is_done = outcome_of(event.action, failure=event.failure) is EventOutcome.DONE
    what, title, url = _object(event, people, may)
    return Line(
        url=reverse("audit:event", args=[event.seq]) if event.seq >= 0 else "",
        at=event.at,
        who=actor_label(event),
        action=action_label(event.action),
        shape="" if is_done else shape,
        outcome="" if is_done else label,
        object=what,
        object_title=title,
        object_url=url,
        origin=event.client_address or "",
    )


def _object(event: AuditEvent, people: Mapping[str, str], may: May) -> tuple[str, str, str]:
    """Short text, whole text and address of the event's object; empty texts if it has none.

    A record whose page the reader may not open is named, without an address, only if nothing else is.
    """
    records = [
        (
            f"{key_label(event.action, name)} {_shortened(str(value))}",
            str(value),
            record_url(event.action, name, value, may),
        )
        for name, value in event.details.items()
        if value and page_of(event.action, name)
    ]
    if not event.consumer_ref and not event.submission:
        for record in records:
            if record[-1]:
                return record
    references = (
        (gettext("Consumer %(reference)s"), event.consumer_ref),
        (gettext("Order %(reference)s"), event.order_ref),
        (gettext("Guest %(reference)s"), event.guest_ref),
        (gettext("Submission %(reference)s"), event.submission),
    )
    for text, reference in references:
        if reference:
            url = log_url(group=WITH_SYSTEM, reference=reference)
            return text % {"reference": _shortened(reference)}, reference, url
    if event.person:
        name = people.get(event.person, event.person)
        return name, name, log_url(group=WITH_SYSTEM, account=event.person)
    return records[0] if records else ("", "", "")


def _shortened(reference: str) -> str:
    return reference if len(reference) <= _SHORT + 1 else f"{reference[:_SHORT]}…"


def record_url(action: str, name: str, value: object, may: May) -> str:
    """The page of the record that a value of an event names; empty without one that the reader may open.

    ``action``: of the event; ``name``: the key of the value; ``may``: the reader's permissions. Empty also
    for an altered value, which no address can have.
    """
    page = page_of(action, name)
    if page is None or not may(page.permission):
        return ""
    try:
        return reverse(page.url_name, args=[str(value)])
    except NoReverseMatch:
        return ""


def outcome(event: AuditEvent) -> tuple[str, str]:
    """The shape and the label of the event's outcome."""
    found = outcome_of(event.action, failure=event.failure)
    return _SHAPES[found], str(found.label)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event. ``mono``: monospaced, for references and hashes. ``url``: of its record."""

    label: str
    value: str
    mono: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A value that an event changed."""

    label: str
    before: str
    after: str


def changes(event: AuditEvent) -> list[ChangeRow]:
    """The values that the event changed. A dash for none."""
    event_type, details = find_event_type(event.action), event.details
    return [
        ChangeRow(
            str(change.label),
            value_label(change.before, details.get(change.before.name)),
            value_label(change.after, details.get(change.after.name)),
        )
        for change in (event_type.changes if event_type else ())
        if change.before.name in details or change.after.name in details
    ]


def _keys_of_changes(event: AuditEvent) -> set[str]:
    event_type = find_event_type(event.action)
    changed = event_type.changes if event_type else ()
    return {key.name for change in changed for key in (change.before, change.after)}


def fields(event: AuditEvent, people: Mapping[str, str], may: May = may_nothing) -> list[Field]:
    """The fields of an event with labels, without what it changed; empty values are omitted.

    ``people``: labels by account id. ``may``: the reader's permissions.
    """
    of_changes = _keys_of_changes(event)
    named = [
        Field(gettext("Action"), action_label(event.action)),
        Field(gettext("Person"), actor_label(event)),
        Field(gettext("Roles"), roles_label(event.actor_roles)),
        Field(gettext("Account"), people.get(event.person or "", event.person or "")),
        Field(gettext("Consumer reference"), event.consumer_ref or "", mono=True),
        Field(gettext("Order reference"), event.order_ref or "", mono=True),
        Field(gettext("Guest reference"), event.guest_ref or "", mono=True),
        Field(gettext("Submission"), event.submission or "", mono=True),
        *(
            Field(
                key_label(event.action, key),
                whole_label(event.action, key, event.details),
                url=record_url(event.action, key, value, may),
            )
            for key, value in event.details.items()
            if key not in of_changes
        ),
        Field(gettext("Details that cannot be read"), "" if event.is_readable else event.data, mono=True),
        Field(gettext("Client address"), event.client_address or "", mono=True),
        Field(gettext("Connecting address (proxy)"), event.peer_address, mono=True),
        Field(gettext("Session"), event.session or "", mono=True),
        Field(gettext("Request"), event.request_id or "", mono=True),
        Field(gettext("Hash"), event.hash, mono=True),
    ]
    return [field for field in named if field.value]


def as_json(event: AuditEvent) -> str:
    """The stored row as indented JSON."""
    row = {field.name: getattr(event, field.name) for field in event._meta.concrete_fields}
    data = event.details if event.is_readable else event.data
    return json.dumps({**row, "data": data}, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True)
class EventPage:
    """The page of one event. ``receipt_id``: the submission whose receipt can be opened, or empty.

    ``problem``: what is wrong with the stored row, or empty; ``is_altered``: whether that is certain. ``at``
    is None if the time is outside the calendar; ``json``: the stored row. ``more_of_request`` and
    ``more_of_submission``: whether there are more events than those listed.
    """

    seq: int
    at: datetime | None
    sentence: str
    shape: str
    outcome: str
    problem: str
    is_altered: bool
    receipt_id: str
    fields: tuple[Field, ...]
    changes: tuple[ChangeRow, ...]
    timelines: tuple[Timeline, ...]
    same_request: tuple[Line, ...]
    more_of_request: bool
    same_submission: tuple[Line, ...]
    more_of_submission: bool
    json: str


def event_page(
    event: AuditEvent,
    people: Mapping[str, str],
    *,
    verdict: Verdict,
    same_request: Related,
    same_submission: Related,
    may: May = may_nothing,
) -> EventPage:
    """The page of an event with its related events.

    ``people``: labels by account id. ``may``: the reader's permissions.
    """
    shape, label = outcome(event)
    related = partial(line, people=people, may=may)
    return EventPage(
        seq=event.seq,
        at=event.at,
        sentence=sentence(event),
        shape=shape,
        outcome=label,
        receipt_id=event.submission or "",
        fields=tuple(fields(event, people, may)),
        changes=tuple(changes(event)),
        timelines=tuple(timelines(event)),
        problem="" if verdict is Verdict.UNCHANGED else verdict_text(verdict, event.seq),
        is_altered=verdict not in (Verdict.UNCHANGED, Verdict.MAC_KEY_UNKNOWN),
        same_request=tuple(map(related, same_request.events)),
        more_of_request=same_request.has_more,
        same_submission=tuple(map(related, same_submission.events)),
        more_of_submission=same_submission.has_more,
        json=as_json(event),
    )


@dataclass(frozen=True, slots=True)
class Timeline:
    """A link to all events of one subject, oldest first."""

    label: str
    url: str


def timelines(event: AuditEvent) -> list[Timeline]:
    """The timelines that the event is part of."""
    links = (
        (gettext("Timeline of this submission"), "reference", event.submission),
        (gettext("Timeline of this order"), "reference", event.order_ref),
        (gettext("Timeline of this consumer reference"), "reference", event.consumer_ref),
        (gettext("All events of this person"), "person", event.actor_id),
        (gettext("All events of this session"), "session", event.session),
        (gettext("All events about this account"), "account", event.person),
        (gettext("All events from this client address"), "address", event.client_address),
    )
    return [
        Timeline(label, log_url(group=WITH_SYSTEM, sort="oldest", **{name: value}))
        for label, name, value in links
        if value
    ]


def chips(
    path: str,
    values: QueryDict,
    given: Mapping[str, Any],
    labels: Mapping[str, Any],
    people: Mapping[str, str],
) -> list[Chip]:
    """The filters in effect, in the order of the form. ``given``: the cleaned values by name.

    ``path``: the page that shows them.
    """
    shown: dict[str, Callable[[Any], str]] = {
        "since": lambda day: date_format(day, "j F Y"),
        "until": lambda day: date_format(day, "j F Y"),
        "person": lambda one: people.get(one, one),
        "account": lambda one: people.get(one, one),
        "group": lambda one: str(GROUP_LABELS[one]),
        "action": action_label,
        "outcome": lambda one: str(EventOutcome(one).label),
        "failures": lambda _given: "",
    }
    return [
        Chip(
            str(labels[name]),
            shown.get(name, str)(value),
            with_query(path, values, **{name: ""}),
        )
        for name, value in given.items()
        if value and name != "sort"
    ]


@dataclass(frozen=True, slots=True)
class GroupLink:
    """A link to the events of one group, with the other filters kept. ``current``: whether it is shown."""

    label: str
    url: str
    current: bool


def group_links(path: str, values: QueryDict, shown: str) -> list[GroupLink]:
    """The links to each group of events. ``shown``: the value of the filter, empty for all but System."""
    return [
        GroupLink(str(label), with_query(path, values, group=group, action=""), group == shown)
        for group, label in GROUP_LABELS.items()
    ]


def log_url(**query: str) -> str:
    """The URL of the log with these filters."""
    return with_query(reverse("audit:log"), {}, **query)


def _values(event: AuditEvent) -> defaultdict[str, object]:
    details = {
        key: detail_label(event.action, key, value)
        for key, value in event.details.items()
        if value not in (None, "", [])
    }
    known = {
        "username": event.person,
        **details,
        "actor": actor_label(event),
        "action": event.action,
        "address": event.client_address,
        "order": event.order_ref,
        "consumer": event.consumer_ref,
        "submission": event.submission,
    }
    # A missing value is shown as a dash.
    return defaultdict(lambda: "–", {key: value for key, value in known.items() if value})
