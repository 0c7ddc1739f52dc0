"""Present an event: its sentence, its row in a list, its fields and timelines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.audit.labels import action_label, detail_label, key_label, roles_label
from apps.audit.models import AuditEvent
from apps.audit.registry import EventOutcome, find_event_type, outcome_of
from apps.core.web.filters import Chip, with_query


def sentence(event: AuditEvent) -> str:
    """The event as one sentence. An action of another version gets a neutral sentence."""
    event_type = find_event_type(event.action)
    values = _values(event)
    if event_type is None:
        return gettext("%(actor)s did something that this version cannot describe (%(action)s)") % values
    chosen = event_type.sentence_for(event.details) if event_type.sentence_for else None
    return str(chosen or event_type.sentence) % values


def actor_label(event: AuditEvent) -> str:
    """The actor's label: a person's name, a process of the portal, or an anonymous visitor."""
    if event.actor_name.startswith("system:"):
        return gettext("The portal (%(process)s)") % {"process": event.actor_name.removeprefix("system:")}
    return event.actor_name or gettext("A visitor")


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
    """An event as a row of a list. ``shape``: icon and colour of its outcome. ``outcome``: its label.

    In an altered row, ``url`` is empty if the sequence number is negative, and ``at`` is None if the time is
    outside the calendar.
    """

    url: str
    at: datetime | None
    sentence: str
    shape: str
    outcome: str
    reference: str
    reference_url: str


def line(event: AuditEvent) -> Line:
    """An event as a row of a list, with the most specific of its references."""
    shape, label = outcome(event)
    reference = event.consumer_ref or event.order_ref or event.guest_ref or event.submission or ""
    return Line(
        url=reverse("audit:event", args=[event.seq]) if event.seq >= 0 else "",
        at=event.at,
        sentence=sentence(event),
        shape=shape,
        outcome=label,
        reference=reference,
        reference_url=log_url(reference=reference) if reference else "",
    )


def outcome(event: AuditEvent) -> tuple[str, str]:
    """The shape and the label of the event's outcome."""
    found = outcome_of(event.action, failure=event.failure)
    return _SHAPES[found], str(found.label)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event. ``mono``: monospaced, for references and hashes."""

    label: str
    value: str
    mono: bool = False


def fields(event: AuditEvent, people: Mapping[str, str]) -> list[Field]:
    """All fields of an event with labels; empty values are omitted. ``people``: labels by account id."""
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
            Field(key_label(event.action, key), detail_label(event.action, key, value))
            for key, value in event.details.items()
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

    ``at`` is None if the time is outside the calendar; ``json``: the stored row.
    """

    seq: int
    at: datetime | None
    sentence: str
    shape: str
    outcome: str
    receipt_id: str
    fields: tuple[Field, ...]
    timelines: tuple[Timeline, ...]
    same_request: tuple[Line, ...]
    same_submission: tuple[Line, ...]
    json: str


def event_page(
    event: AuditEvent,
    people: Mapping[str, str],
    *,
    same_request: Iterable[AuditEvent],
    same_submission: Iterable[AuditEvent],
) -> EventPage:
    """The page of an event with its related events. ``people``: labels by account id."""
    shape, label = outcome(event)
    return EventPage(
        seq=event.seq,
        at=event.at,
        sentence=sentence(event),
        shape=shape,
        outcome=label,
        receipt_id=event.submission or "",
        fields=tuple(fields(event, people)),
        timelines=tuple(timelines(event)),
        same_request=tuple(map(line, same_request)),
        same_submission=tuple(map(line, same_submission)),
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
    return [Timeline(label, log_url(sort="oldest", **{name: value})) for label, name, value in links if value]


def chips(
    values: QueryDict, given: Mapping[str, Any], labels: Mapping[str, Any], people: Mapping[str, str]
) -> list[Chip]:
    """The filters in effect, in the order of the form. ``given``: the cleaned values by name."""
    shown: dict[str, Callable[[Any], str]] = {
        "since": lambda day: date_format(day, "j F Y"),
        "until": lambda day: date_format(day, "j F Y"),
        "person": lambda one: people.get(one, one),
        "account": lambda one: people.get(one, one),
        "action": action_label,
        "outcome": lambda one: str(EventOutcome(one).label),
        "failures": lambda _given: "",
    }
    return [
        Chip(
            str(labels[name]),
            shown.get(name, str)(value),
            with_query(reverse("audit:log"), values, **{name: ""}),
        )
        for name, value in given.items()
        if value and name != "sort"
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
