"""What is recorded in the audit log about submissions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.consumers.audit_events import SUBMISSION_VIEWED, SUBMISSIONS_LISTED, VENDOR_RECORD_VIEWED
from apps.consumers.models import Submission
from apps.core.actor import Actor


def event_of(event_type: EventType, submission: Submission, actor: Actor, **data: Any) -> Event:
    """An event about a submission; what is not known is left out of its data."""
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
    """Record that a person saw a submission's personal data."""
    with transaction.atomic():
        record(event_of(SUBMISSION_VIEWED, submission, actor))


def record_consumer_read(submission: Submission, ref: str, *, result: str, actor: Actor) -> None:
    """Record that a person had the portal read a consumer of the submission's order.

    ``result`` is "found" or a code that says why not.
    """
    data = {"kind": "order_consumer", "result": result}
    read = event_of(VENDOR_RECORD_VIEWED, submission, actor, **data)
    with transaction.atomic():
        record(replace(read, consumer_ref=ref))


def record_listed(*, count: int, everybody: bool, actor: Actor, filters: Sequence[str] = ()) -> None:
    """Record that a person saw a list of submissions with consumers' names.

    ``filters``: what was asked for, as codes, never the values.
    """
    data: dict[str, Value] = {"count": count, "scope": "everybody" if everybody else "own"}
    if filters:
        data["filters"] = filters
    with transaction.atomic():
        record(Event(type=SUBMISSIONS_LISTED, actor=actor, data=data))
