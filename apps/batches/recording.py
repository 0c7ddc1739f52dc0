"""Record events about batches in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from apps.audit.events import MAX_ITEMS, WORD, Event
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.batches.audit_events import BATCH_VIEWED
from apps.batches.models import Batch
from apps.consumers.recording import BATCH, index_keys, key_of
from apps.core.actor import Actor
from apps.core.references import RecordKind
from apps.core.runs import run_text, runs_of


@dataclass(frozen=True, slots=True)
class Others:
    """People whom a page or file shows besides those of its rows.

    ``submissions``: the public ids of those that rows are like, or because of which rows are not sent.
    ``consumers``: keys of the references of similar consumers that only Sitecore CDP has.
    """

    submissions: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.submissions) + len(self.consumers)


NOBODY = Others()


def event_of(event_type: EventType, batch: Batch, actor: Actor, **data: Any) -> Event:
    """An event about a batch; empty values are omitted from its data."""
    kept = {name: value for name, value in data.items() if value not in (None, "", [])}
    return Event(event_type, actor, order_ref=batch.order_ref, data={"batch": str(batch.public_id), **kept})


def record_viewed(
    batch: Batch, *, rows: int, actor: Actor, sent: Iterable[int] = (), others: Others = NOBODY
) -> None:
    """Record that the actor saw this many rows of the batch, with the names of consumers.

    ``sent``: the numbers of those of them that were sent as they are.
    """
    runs = [run_text(*run) for run in runs_of(sorted(sent), gap=1)][:MAX_ITEMS]
    record_shown(event_of(BATCH_VIEWED, batch, actor, rows=rows, sent=runs), batch, others)


def record_shown(event: Event, batch: Batch, others: Others = NOBODY) -> None:
    """Record an event that shows rows of the batch, and index it, so that an access report finds it."""
    named = {"submissions": others.submissions, "consumers": others.consumers}
    data = {name: [one for one in refs if WORD.fullmatch(one)][:MAX_ITEMS] for name, refs in named.items()}
    data = {name: refs for name, refs in data.items() if refs}
    event = replace(event, data={**event.data, **data, **({"others": len(others)} if others else {})})
    keys = [key_of(BATCH, batch.public_id)]
    keys += [key_of(RecordKind.SUBMISSION, one) for one in others.submissions]
    keys += [key_of(RecordKind.CONSUMER, one) for one in others.consumers]
    with transaction.atomic():
        index_keys(record(event), keys)
