"""The progress of a batch: its rows with an outcome, what it waits for, and what is left to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apps.batches import labels
from apps.batches.models import Batch, BatchState, RowState
from apps.batches.presenters.naming import batch_url
from apps.core import clock, heartbeats
from apps.core.web.filters import with_query

_DONE: Final = (
    RowState.CREATED,
    RowState.REJECTED,
    RowState.NOT_SENT,
    RowState.UNKNOWN,
    RowState.NOT_CREATED,
)
_LEFT: Final = (
    *(RowState.REJECTED, RowState.NOT_SENT, RowState.NOT_CREATED),
    *(RowState.NEEDS_ATTENTION, RowState.READY, RowState.UNCHECKED),
)
"""The states of the rows of a finished batch that were not created, and that somebody can act on."""
NOT_CONFIRMED: Final = (BatchState.MATCHING, BatchState.CHECKED)
"""The states of a batch of which nothing was sent yet, so that it can be discarded."""
_LONG_WAIT: Final = dt.timedelta(seconds=15)
_BATCH_SHAPES: Final[Mapping[BatchState, str]] = {
    BatchState.MATCHING: "unchecked",
    BatchState.CHECKED: "ready",
    BatchState.SENDING: "sending",
    BatchState.PAUSED: "warning",
    BatchState.STOPPED: "not_sent",
    BatchState.FINISHED: "created",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about rows that are left to do. ``url``: where they are shown."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of sending. ``announced``: for screen readers, in steps, so that it is not read out every
    second; with ``waits``.

    ``shape``: of the whole batch; created only if nothing is left to do. ``notes``: what is left.
    ``waits``: why no row is sent for a while; empty if rows are sent. ``goes_on``: the sentence about
    what happens when the reader leaves the page.
    """

    is_running: bool
    percent: int
    text: str
    announced: str
    results: str
    waits: str
    goes_on: str
    pause_text: str
    shape: str
    notes: tuple[Note, ...]


def has_no_worker(batch: Batch) -> bool:
    """Whether the batch is being sent, but no background worker runs that could send its rows."""
    return batch.state == BatchState.SENDING and not heartbeats.current(heartbeats.WORKER)


def progress_of(
    batch: Batch,
    counts: Mapping[RowState, int],
    *,
    not_confirmed: int = 0,
    no_worker: bool = False,
    is_own: bool = True,
) -> Progress:
    """The progress of sending. Rows that need attention or are left out do not count.

    ``not_confirmed``: how many of the ready rows were changed since the confirmation. ``no_worker``: as
    :func:`has_no_worker` says; the list of batches does not ask. ``is_own``: whether it is a batch of the
    reader, whose start page shows it.
    """
    done = sum(counts[state] for state in _DONE)
    total = done + counts[RowState.READY] + counts[RowState.SENDING]
    percent = done * 100 // total if total else 100
    text = ngettext(
        "%(done)s of %(total)s row has an outcome", "%(done)s of %(total)s rows have an outcome", total
    )
    announced = gettext("%(percent)s %% done") % {"percent": percent // 10 * 10}
    waits = gettext("No background worker is running") if no_worker else _waits(batch)
    results = ", ".join(
        f"{counts[state]} {str(state.label).lower()}" for state in (*_DONE, RowState.SENDING) if counts[state]
    )
    return Progress(
        is_running=batch.state == BatchState.SENDING,
        percent=percent,
        text=text % {"done": done, "total": total},
        announced=f"{announced}. {waits}" if waits else announced,
        results=results,
        waits=waits,
        goes_on=_goes_on(no_worker, is_own),
        pause_text=labels.pause_text(batch.pause_reason) if batch.pause_reason else "",
        shape=_shape_of(batch, counts),
        notes=_notes(batch, counts, not_confirmed),
    )


def _goes_on(no_worker: bool, is_own: bool) -> str:
    if no_worker:
        return gettext("Rows are sent once a background worker is running. Tell your administrator.")
    if not is_own:
        return gettext("You can leave this page: sending goes on.")
    return gettext("You can leave this page: sending goes on, and the start page shows it.")


def _waits(batch: Batch) -> str:
    """Until when no row is sent, if that is longer than the usual pause between rows; otherwise empty."""
    if batch.due_at is None or batch.due_at - clock.now() < _LONG_WAIT:
        return ""
    until = timezone.localtime(batch.due_at).strftime("%H:%M:%S")
    return gettext("Waiting for Sitecore CDP. The next row is sent at %(time)s.") % {"time": until}


def state_text(batch: Batch, counts: Mapping[RowState, int]) -> str:
    """The state of a batch on its page and in the list of batches."""
    is_expired = batch.erased_at is not None and batch.state in NOT_CONFIRMED
    if is_expired or (batch.state == BatchState.CHECKED and counts[RowState.UNCHECKED]):
        return gettext("Not confirmed")
    if batch.is_discarded:
        return gettext("Discarded")
    return str(BatchState(batch.state).label)


def _shape_of(batch: Batch, counts: Mapping[RowState, int]) -> str:
    """The shape of a batch. That of an ended one is the shape of its least certain rows."""
    state = BatchState(batch.state)
    if batch.erased_at is not None and state in NOT_CONFIRMED:
        return _BATCH_SHAPES[BatchState.STOPPED]  # nothing of it can be sent any more
    if state in (BatchState.FINISHED, BatchState.STOPPED) and counts[RowState.UNKNOWN]:
        return "unknown"
    if state == BatchState.FINISHED and any(counts[one] for one in _LEFT):
        return "warning"
    return _BATCH_SHAPES[state]


def _notes(batch: Batch, counts: Mapping[RowState, int], not_confirmed: int) -> tuple[Note, ...]:
    """What is left to do in a batch that is not being sent. Rows of an erased one cannot be changed."""
    state = batch.state
    if state not in (BatchState.PAUSED, BatchState.FINISHED, BatchState.STOPPED):
        return ()
    unknown, waiting = counts[RowState.UNKNOWN], counts[RowState.NEEDS_ATTENTION]
    found = [
        (
            RowState.UNKNOWN,
            unknown,
            ngettext(
                "%(n)s row is unknown. Do not enter it again: a check may find the outcome; otherwise a"
                " supervisor resolves it.",
                "%(n)s rows are unknown. Do not enter them again: a check may find the outcome; otherwise a"
                " supervisor resolves them.",
                unknown,
            ),
        )
    ]
    if state != BatchState.STOPPED and batch.erased_at is None:
        text = ngettext("%(n)s row needs attention.", "%(n)s rows need attention.", waiting)
        found.append((RowState.NEEDS_ATTENTION, waiting, text))
    if state == BatchState.FINISHED:
        text = ngettext(
            "%(n)s row is ready. It is sent once it is confirmed.",
            "%(n)s rows are ready. They are sent once they are confirmed.",
            not_confirmed,
        )
        found.append((RowState.READY, not_confirmed, text))
    if state == BatchState.PAUSED:
        text = ngettext(
            "%(n)s row was changed since the list was confirmed. After Resume, it is sent once it is"
            " confirmed.",
            "%(n)s rows were changed since the list was confirmed. After Resume, they are sent once they are"
            " confirmed.",
            not_confirmed,
        )
        found.append((RowState.READY, not_confirmed, text))
    url = batch_url(batch)
    return tuple(
        Note(text % {"n": count}, with_query(url, {"show": one.value})) for one, count, text in found if count
    )
