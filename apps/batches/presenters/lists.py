"""A batch as one line of the list of batches, and on the start page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from apps.batches.models import Batch, RowState
from apps.batches.presenters.naming import batch_url, order_name
from apps.batches.presenters.progress import progress_of, state_text


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch in the list of batches, and on the start page."""

    url: str
    order_name: str
    created_at: dt.datetime
    author: str
    state: str
    shape: str
    total: int
    results: str
    percent: int
    is_running: bool


def batch_line(batch: Batch, counts: Mapping[RowState, int]) -> BatchLine:
    """The line of a batch, with its rows counted by state."""
    progress = progress_of(batch, counts)
    texts = [f"{one.label}: {count}" for one, count in counts.items() if count]
    return BatchLine(
        url=batch_url(batch),
        order_name=order_name(batch),
        created_at=batch.created_at,
        author=batch.author_name,
        state=state_text(batch, counts),
        shape=progress.shape,
        total=sum(counts.values()),
        results=", ".join(texts),
        percent=progress.percent,
        is_running=progress.is_running,
    )
