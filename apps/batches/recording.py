"""Record events about batches in the audit log."""

from __future__ import annotations

from typing import Any

from apps.audit.events import Event
from apps.audit.registry import EventType
from apps.batches.models import Batch
from apps.core.actor import Actor


def event_of(event_type: EventType, batch: Batch, actor: Actor, **data: Any) -> Event:
    """An event about a batch; empty values are omitted from its data."""
    kept = {name: value for name, value in data.items() if value not in (None, "", [])}
    return Event(event_type, actor, order_ref=batch.order_ref, data={"batch": str(batch.public_id), **kept})
