"""Record events about batches in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.batches.audit_events import BATCH_VIEWED
from apps.batches.checking.findings import RowWarning
from apps.batches.models import Batch
from apps.batches.selectors import submissions_with_ids
from apps.consumers.models import Submission
from apps.consumers.recording import BATCH, index_keys, key_of, record_compared, record_listed
from apps.consumers.sending.warnings import SIMILAR, consumer_of_key
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.references import with_dashes

_LISTED = 50  # submissions in one event, as on a page of them


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


def record_warnings(batch: Batch, warnings: Iterable[RowWarning], *, actor: Actor) -> None:
    """Record the similar consumers of the order that these warnings name fields of, each once."""
    similar = [one for one in warnings if one.code == SIMILAR]
    submissions = submissions_with_ids(one.submission for one in similar if one.submission)
    keys = dict.fromkeys(consumer_of_key(one.key) for one in similar if not one.submission)
    refs = [with_dashes(key) for key in keys if key]
    if submissions or refs:
        record_compared(batch.order_ref, submissions.values(), refs, actor)


def record_earlier(batch: Batch, earlier: Iterable[Submission], *, viewer: Viewer, actor: Actor) -> None:
    """Record that the actor saw these submissions at rows that were already sent, as a list of them.

    Those of this batch are found by the event of the batch itself.
    """
    of_others = [*{one.pk: one for one in earlier if one.batch != batch.public_id}.values()]
    for start in range(0, len(of_others), _LISTED):
        record_listed(of_others[start : start + _LISTED], viewer=viewer, actor=actor)
