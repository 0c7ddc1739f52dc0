"""Record events about batches in the audit log."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.batches.audit_events import BATCH_VIEWED
from apps.batches.models import Batch
from apps.consumers.recording import BATCH, index_keys, key_of
from apps.core.actor import Actor


def event_of(event_type: EventType, batch: Batch, actor: Actor, **data: Any) -> Event:
    """An event about a batch; empty values are omitted from its data."""
    kept = {name: value for name, value in data.items() if value not in (None, "", [])}
    return Event(event_type, actor, order_ref=batch.order_ref, data={"batch": str(batch.public_id), **kept})


def record_viewed(batch: Batch, *, rows: int, actor: Actor) -> None:
    """Record that the actor saw this many rows of the batch, with the names of consumers."""
    record_shown(event_of(BATCH_VIEWED, batch, actor, rows=rows), batch)


def record_shown(event: Event, batch: Batch) -> None:
    """Record an event that shows rows of the batch, and index it, so that an access report finds it."""
    with transaction.atomic():
        index_keys(record(event), [key_of(BATCH, batch.public_id)])
