"""Record events about submissions in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.consumers.altered_values import not_recorded
from apps.consumers.audit_events import (
    SUBMISSION_VIEWED,
    SUBMISSIONS_LISTED,
    VALUE_DOES_NOT_BELONG,
    VENDOR_RECORD_VIEWED,
)
from apps.consumers.models import Submission
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor


def event_of(event_type: EventType, submission: Submission, actor: Actor, **data: Any) -> Event:
    """An event about a submission; empty values are omitted from its data."""
    return Event(
        type=event_type,
        actor=actor,
        submission=str(submission.public_id),
        order_ref=submission.order_ref,
        consumer_ref=submission.consumer_ref,
        guest_ref=submission.guest_ref,
        data={name: value for name, value in data.items() if value not in (None, "", [])},
    )


def record_viewed(submission: Submission, actor: Actor) -> None:
    """Record that the actor saw a submission's personal data, and the values found altered, each once."""
    with transaction.atomic():
        record(event_of(SUBMISSION_VIEWED, submission, actor))
        for value in not_recorded(submission):
            record(event_of(VALUE_DOES_NOT_BELONG, submission, actor, value=value))


def record_consumer_read(submission: Submission, ref: str, *, result: str, actor: Actor) -> None:
    """Record that the portal read a consumer of the submission's order for the actor.

    ``result``: "found", or the code of the failure.
    """
    data = {"kind": "order_consumer", "result": result}
    read = event_of(VENDOR_RECORD_VIEWED, submission, actor, **data)
    with transaction.atomic():
        record(replace(read, consumer_ref=ref))


def record_consumers_shown(
    order_ref: str, submissions: Iterable[Submission | None], refs: Iterable[str], actor: Actor
) -> None:
    """Record that the actor saw these consumers: those of submissions, and the vendor's ``refs``."""
    data: dict[str, Value] = {"kind": "order_consumer", "result": "found"}
    with transaction.atomic():
        for submission in filter(None, submissions):
            record(event_of(SUBMISSION_VIEWED, submission, actor))
        for ref in refs:
            record(
                Event(
                    type=VENDOR_RECORD_VIEWED, actor=actor, order_ref=order_ref, consumer_ref=ref, data=data
                )
            )


def record_listed(
    *, count: int, viewer: Viewer, actor: Actor, filters: Sequence[str] = (), search: str = ""
) -> None:
    """Record that the actor saw a list of ``count`` submissions with consumers' names.

    ``filters``: the names of the filters, never their values. ``search``: the public id of the search.
    """
    data: dict[str, Value] = {"count": count, "scope": viewer.scope}
    if filters:
        data["filters"] = filters
    if search:
        data["search"] = search
    with transaction.atomic():
        record(Event(type=SUBMISSIONS_LISTED, actor=actor, data=data))
