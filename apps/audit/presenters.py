"""One sentence for each event, from one table. No sentence has room for a consumer's personal data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit import actions, words
from apps.audit.models import AuditEvent
from apps.audit.outcomes import EventOutcome, outcome_of
from apps.core.filters import Chip, with_query

SENTENCES = {
    actions.CONSUMER_CREATE_REQUESTED: _("%(actor)s asked to create an order consumer on order %(order)s"),
    actions.CONSUMER_CREATED: _("%(actor)s created the order consumer %(consumer)s on order %(order)s"),
    actions.CONSUMER_REJECTED: _(
        "Sitecore CDP rejected the order consumer of %(actor)s on order %(order)s: %(error_code)s"
    ),
    actions.CONSUMER_NOT_SENT: _(
        "The order consumer of %(actor)s on order %(order)s was not sent: %(error_code)s"
    ),
    actions.CONSUMER_OUTCOME_UNKNOWN: _(
        "It is unknown whether the order consumer of %(actor)s on order %(order)s was created: %(error_code)s"
    ),
    actions.CONSUMER_SETTLED: _(
        "%(actor)s marked an unknown order consumer on order %(order)s as %(outcome)s: %(reason)s"
    ),
    actions.CONSUMER_RESOLUTION_CORRECTED: _(
        "%(actor)s corrected a resolution on order %(order)s from %(previous_outcome)s to %(outcome)s:"
        " %(reason)s"
    ),
    actions.CONSUMER_LOOKED_UP: _(
        "Reconciliation checked order %(order)s for an unknown order consumer: %(result)s"
    ),
    actions.CONSUMER_CHECK_FAILED: _(
        "Reconciliation could not check order %(order)s for an unknown order consumer: %(error_code)s"
    ),
    actions.CONSUMER_LATE_ANSWER: _(
        "An answer of Sitecore CDP for order %(order)s came after the resolution: it says %(answer_outcome)s"
    ),
    actions.SUBMISSION_REPEAT_BLOCKED: _(
        "%(actor)s was kept from sending submission %(submission)s twice: %(why)s"
    ),
    actions.SUBMISSION_VIEWED: _("%(actor)s opened submission %(submission)s"),
    actions.SUBMISSIONS_LISTED: _("%(actor)s opened a list of %(count)s submissions"),
    actions.FIGURES_VIEWED: _("%(actor)s opened the figures of %(count)s submissions"),
    actions.VENDOR_RECORD_VIEWED: _("%(actor)s opened a record in Sitecore CDP (%(kind)s): %(result)s"),
    actions.VENDOR_RECORD_SEARCHED: _(
        "%(actor)s searched for records in Sitecore CDP (%(kind)s) by %(by)s: %(result)s"
    ),
    actions.EXPORT_STARTED: _(
        "%(actor)s began to export %(expected)s submissions (%(format)s, with personal data: %(personal)s)"
    ),
    actions.EXPORT_FINISHED: _(
        "%(actor)s exported %(rows)s submissions (%(format)s, with personal data: %(personal)s)"
    ),
    actions.EXPORT_FAILED: _("An export of submissions by %(exporter)s broke off: %(failure_code)s"),
    actions.EXPORT_CANCELLED: _("%(actor)s cancelled an export of submissions"),
    actions.SESSION_SIGNED_IN: _("%(actor)s signed in"),
    actions.SESSION_SIGN_IN_FAILED: _("A sign-in from %(address)s failed: %(reason)s"),
    actions.SESSION_SIGNED_OUT: _("The session of %(actor)s ended: %(reason)s"),
    actions.ACCESS_DENIED: _("%(actor)s was refused a page (%(view)s)"),
    actions.ACCESS_LIMITED: _("%(actor)s reached a limit (%(what)s)"),
    actions.PERSON_ADDED: _("%(actor)s added the person %(username)s"),
    actions.PERSON_CHANGED: _("%(actor)s changed the person %(username)s"),
    actions.PERSON_DEACTIVATED: _("%(actor)s deactivated the person %(username)s"),
    actions.PERSON_REACTIVATED: _("%(actor)s reactivated the person %(username)s"),
    actions.PERSON_PASSWORD_LINK_ISSUED: _("%(actor)s issued a password link for %(username)s"),
    actions.PERSON_PASSWORD_LINK_REFUSED: _("A password link from %(address)s was refused"),
    actions.PERSON_PASSWORD_SET: _("The password of %(username)s was set"),
    actions.PERSON_SIGN_IN_BLOCKED: _(
        "Too many sign-ins of %(username)s failed: unknown browsers are blocked"
    ),
    actions.PERSON_SIGN_IN_UNLOCKED: _("%(actor)s unlocked the sign-in of %(username)s"),
    actions.ROLE_GRANTED: _("%(actor)s gave %(username)s the role %(role)s"),
    actions.ROLE_REVOKED: _("%(actor)s took the role %(role)s from %(username)s"),
    actions.AUDIT_VIEWED: _("%(actor)s opened the audit log (filters: %(filters)s)"),
    actions.AUDIT_EVENT_VIEWED: _("%(actor)s opened event %(event)s of the audit log"),
    actions.IDENTITY_RULE_CHANGED: _("%(actor)s changed the identity rule %(rule)s (%(change)s)"),
    actions.AUDIT_CHECKPOINT_SIGNED: _("%(actor)s signed the audit log up to event %(last)s"),
    actions.AUDIT_VERIFIED: _(
        "%(actor)s verified the audit log from event %(first)s to %(last)s: %(verdict)s"
    ),
    actions.AUDIT_FOUND_ALTERED: _("%(actor)s found the audit log altered at event %(about)s: %(verdict)s"),
    actions.AUDIT_PROOF_DOWNLOADED: _("%(actor)s downloaded the proof of the audit log up to event %(last)s"),
    actions.AUDIT_EXPORT_STARTED: _(
        "%(actor)s began to export the audit log from event %(first)s to %(last)s (%(format)s)"
    ),
    actions.AUDIT_EXPORTED: _(
        "%(actor)s exported the audit log from event %(first)s to %(last)s (%(format)s, %(rows)s events)"
    ),
    actions.AUDIT_EXPORT_FAILED: _(
        "The export of the audit log by %(actor)s broke off after %(rows)s events (%(first)s to %(last)s)"
    ),
    actions.AUDIT_RETENTION_DECIDED: _(
        "%(actor)s decided to remove events %(first)s to %(last)s, whose time is over"
    ),
    actions.AUDIT_RETENTION_APPLIED: _("%(actor)s removed events %(first)s to %(last)s, whose time was over"),
    actions.PORTAL_STARTED: _("The portal started (version %(version)s)"),
    actions.KEYS_REGISTERED: _("%(actor)s made these keys known to the database: %(keys)s"),
    actions.KEYS_FORGOTTEN: _("%(actor)s removed these keys from those that the database needs: %(keys)s"),
}
"""One for each action, which a test holds against :data:`apps.audit.actions.ACTIONS`."""


RECONCILED = "reconciliation"
"""The reason of a resolution that no person gave."""
_BY_RECONCILIATION = _(
    "Confirmed by reconciliation: the order consumer %(consumer)s on order %(order)s was created"
)
_OF_RECONCILIATION = (actions.CONSUMER_LOOKED_UP.name, actions.CONSUMER_CHECK_FAILED.name)


def is_reconciliation(event: AuditEvent) -> bool:
    """Whether reconciliation did it, whoever asked for the check."""
    resolved = event.action == actions.CONSUMER_SETTLED.name and event.details.get("reason") == RECONCILED
    return resolved or event.action in _OF_RECONCILIATION


def sentence(event: AuditEvent) -> str:
    """What happened, in one sentence for people. An action of another version gets a neutral line."""
    action = actions.ACTIONS.get(event.action)
    values = _values(event)
    if action is None or action not in SENTENCES:
        return gettext("%(actor)s did something that this version has no words for (%(action)s)") % values
    if action is actions.CONSUMER_SETTLED and is_reconciliation(event):
        return str(_BY_RECONCILIATION) % values
    said = str(SENTENCES[action]) % values
    verification = event.details.get("verification")
    return f"{said} ({words.value_words('verification', verification)})" if verification else said


def agent_words(event: AuditEvent) -> str:
    """Who did it, for the history of a submission: reconciliation, where a person only asked for a check."""
    if not is_reconciliation(event):
        return actor_words(event)
    if event.actor_name.startswith("system:"):
        return gettext("reconciliation")
    return gettext("reconciliation, asked for by %(person)s") % {"person": actor_words(event)}


def actor_words(event: AuditEvent) -> str:
    """Who it was: a name, a process of the portal, or a visitor who had not signed in."""
    if event.actor_name.startswith("system:"):
        return gettext("The portal (%(process)s)") % {"process": event.actor_name.removeprefix("system:")}
    return event.actor_name or gettext("A visitor")


_LOOKS = {
    EventOutcome.DONE: "created",
    EventOutcome.FAILED: "rejected",
    EventOutcome.DENIED: "not_sent",
    EventOutcome.BLOCKED: "not_sent",
    EventOutcome.UNKNOWN: "unknown",
    EventOutcome.TO_BE_CHECKED: "unknown",
}
"""The shape and colour of each outcome."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event as a row: ``look`` is the shape of its outcome, ``word`` what it is called.

    ``url`` is empty for a sequence that the portal never gives, ``at`` None for a time that it never writes.
    """

    url: str
    at: datetime | None
    sentence: str
    look: str
    word: str
    reference: str
    reference_url: str


def line(event: AuditEvent) -> Line:
    """An event as a row of the list; of its references the one that says most."""
    look, word = outcome(event)
    reference = event.consumer_ref or event.order_ref or event.guest_ref or event.submission or ""
    return Line(
        url=reverse("audit:event", args=[event.seq]) if event.seq >= 0 else "",
        at=event.at,
        sentence=sentence(event),
        look=look,
        word=word,
        reference=reference,
        reference_url=log_url(reference=reference) if reference else "",
    )


def outcome(event: AuditEvent) -> tuple[str, str]:
    """The look and the word of what came of it."""
    found = outcome_of(event.action, failure=event.failure)
    return _LOOKS[found], str(found.label)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event; ``mono`` for what is copied letter by letter."""

    label: str
    value: str
    mono: bool = False


def fields(event: AuditEvent, people: Mapping[str, str]) -> list[Field]:
    """Everything that an event says, in words; what it does not say is left out."""
    named = [
        Field(gettext("Action"), words.action_name(event.action)),
        Field(gettext("Person"), actor_words(event)),
        Field(gettext("Roles"), _roles(event)),
        Field(gettext("Done to"), people.get(event.person or "", event.person or "")),
        Field(gettext("Consumer reference"), event.consumer_ref or "", mono=True),
        Field(gettext("Order reference"), event.order_ref or "", mono=True),
        Field(gettext("Guest reference"), event.guest_ref or "", mono=True),
        Field(gettext("Submission"), event.submission or "", mono=True),
        *(Field(words.key_label(key), words.value_words(key, value)) for key, value in event.details.items()),
        Field(gettext("Details that cannot be read"), "" if event.is_readable else event.data, mono=True),
        Field(gettext("Client address"), event.client_address or "", mono=True),
        Field(gettext("Other end of the connection"), event.peer_address, mono=True),
        Field(gettext("Request"), event.request_id or "", mono=True),
        Field(gettext("Hash"), event.hash, mono=True),
    ]
    return [field for field in named if field.value]


def as_json(event: AuditEvent) -> str:
    """The row as it is stored, for those who compare."""
    row = {field.name: getattr(event, field.name) for field in event._meta.concrete_fields}
    data = event.details if event.is_readable else event.data
    return json.dumps({**row, "data": data}, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A way to the whole story of something, oldest first."""

    words: str
    url: str


def timelines(event: AuditEvent) -> list[Timeline]:
    """The stories that an event is part of."""
    ways = (
        (gettext("Timeline of this submission"), "reference", event.submission),
        (gettext("Timeline of this order"), "reference", event.order_ref),
        (gettext("Timeline of this consumer reference"), "reference", event.consumer_ref),
        (gettext("Everything that this person did"), "person", event.actor_id),
        (gettext("Everything that was done to this account"), "account", event.person),
        (gettext("Everything from this client address"), "address", event.client_address),
    )
    return [Timeline(said, log_url(sort="oldest", **{name: value})) for said, name, value in ways if value]


def chips(
    values: QueryDict, given: Mapping[str, Any], labels: Mapping[str, Any], people: Mapping[str, str]
) -> list[Chip]:
    """The filters in effect, in the order of the form. ``given``: the cleaned values by name."""
    said: dict[str, Callable[[Any], str]] = {
        "since": lambda day: date_format(day, "j F Y"),
        "until": lambda day: date_format(day, "j F Y"),
        "person": lambda one: people.get(one, one),
        "account": lambda one: people.get(one, one),
        "action": words.action_name,
        "outcome": lambda one: str(EventOutcome(one).label),
        "failures": lambda _given: "",
    }
    return [
        Chip(
            str(labels[name]),
            said.get(name, str)(value),
            with_query(reverse("audit:log"), values, **{name: ""}),
        )
        for name, value in given.items()
        if value and name != "sort"
    ]


def log_url(**query: str) -> str:
    """The address of the log with these filters."""
    return with_query(reverse("audit:log"), {}, **query)


def _roles(event: AuditEvent) -> str:
    return words.value_words("role", event.actor_roles.split(",")) if event.actor_roles else ""


def _values(event: AuditEvent) -> defaultdict[str, object]:
    details = {
        key: words.value_words(key, value)
        for key, value in event.details.items()
        if value not in (None, "", [])
    }
    known = {
        "username": event.person,
        **details,
        "actor": actor_words(event),
        "action": event.action,
        "address": event.client_address,
        "order": event.order_ref,
        "consumer": event.consumer_ref,
        "submission": event.submission,
    }
    # A sentence names what its event does not know with a dash.
    return defaultdict(lambda: "–", {key: value for key, value in known.items() if value})
