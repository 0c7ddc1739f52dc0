"""The timeline of a submission, from its audit events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from apps.audit.models import AuditEvent
from apps.audit.presenters.events import actor_label, is_by_portal, sentence
from apps.consumers import labels
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
    is_reconciliation,
)
from apps.consumers.audit_keys import SIMILAR_REASON
from apps.consumers.models import Outcome

_OUTCOMES = {
    CONSUMER_CREATE_REQUESTED.name: Outcome.SENDING,
    CONSUMER_CREATED.name: Outcome.CREATED,
    CONSUMER_REJECTED.name: Outcome.REJECTED,
    CONSUMER_NOT_SENT.name: Outcome.NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN.name: Outcome.UNKNOWN,
    # A supervisor has to compare them with the resolution.
    CONSUMER_LATE_ANSWER.name: Outcome.UNKNOWN,
    CONSUMER_FOUND_LATE.name: Outcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One event. ``outcome``: the outcome that it set, for its icon and colour; empty if it set none."""

    moment: datetime | None
    text: str
    by: str
    outcome: str = ""


def timeline(events: Iterable[AuditEvent]) -> tuple[TimelineItem, ...]:
    """The events of a submission as timeline items."""
    return tuple(
        TimelineItem(
            event.at, sentence(event), agent_label(event), _shown_outcome(event.action, event.details)
        )
        for event in events
    )


def agent_label(event: AuditEvent) -> str:
    """The label of the actor; for a check that a person requested, reconciliation and that person."""
    if not is_reconciliation(event.action, event.details):
        return actor_label(event)
    if is_by_portal(event):
        return gettext("reconciliation")
    return gettext("reconciliation, requested by %(person)s") % {"person": actor_label(event)}


def normalised_values(events: Iterable[AuditEvent]) -> tuple[object, ...]:
    """The codes of normalised values from the event of the send; an altered event may contain anything."""
    for event in events:
        if event.action == CONSUMER_CREATE_REQUESTED.name:
            codes = event.details.get("normalised", ())
            return tuple(codes) if isinstance(codes, list) else ()
    return ()


def order_comparison(events: Iterable[AuditEvent]) -> tuple[str, str]:
    """What the consumer was compared with before the send, and why it was created although one was similar.

    Each is empty if the event does not have it; an altered event may contain anything.
    """
    details = next((event.details for event in events if event.action == CONSUMER_CREATE_REQUESTED.name), {})
    compared, on_order = details.get("compared"), details.get("on_order")
    text = ""
    if isinstance(compared, int):
        text = labels.compared_text(compared, on_order if isinstance(on_order, int) else None)
    return text, str(SIMILAR_REASON.labels.get(str(details.get("similar_reason", "")), ""))


def _shown_outcome(action: str, details: Mapping[str, Any]) -> str:
    """The outcome that an event set. Unknown if it was not verified or a supervisor has to check it."""
    if action in (CONSUMER_RESOLVED.name, CONSUMER_RESOLUTION_CORRECTED.name):
        unverified = details.get("verification") == "not_verified"
        return Outcome.UNKNOWN.value if unverified else str(details.get("outcome", ""))
    if details.get("doubt"):
        return Outcome.UNKNOWN.value
    return _OUTCOMES[action].value if action in _OUTCOMES else ""
