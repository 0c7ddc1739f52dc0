"""The end of a turn: the lease is released, and the batch goes on, is paused or is finished."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_FINISHED, BATCH_PAUSED_BY_PORTAL, COUNTED_AT_THE_END
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, RowState
from apps.batches.recording import event_of
from apps.batches.sending.pace import Turn
from apps.core import clock
from apps.core.actor import Actor


def end_turn(batch: Batch, turn: Turn, *, began: dt.datetime, actor: Actor) -> None:
    """Store how a turn ended. Nothing if the lease has ended meanwhile. Raises database errors.

    A batch that was paused or stopped during the turn stays so. ``began``: when the turn began.
    """
    with transaction.atomic(durable=True):
        current = Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk, lease=batch.lease).first()
        if current is None:
            return
        current.lease = current.leased_until = None
        event = None
        if current.state == BatchState.SENDING:
            if turn.again is not None:
                _make_ready_again(current, turn.again)
            current.due_at = began + dt.timedelta(seconds=turn.wait)
            current.counters = turn.counters
            if turn.pause is None and _is_done(current):
                current.end(BatchState.FINISHED, clock.now())
                _end_confirmation(current)
                event = event_of(BATCH_FINISHED, current, actor, **_facts_at_the_end(current))
            elif turn.pause is not None:
                current.pause(turn.pause, clock.now())
                event = event_of(BATCH_PAUSED_BY_PORTAL, current, actor, pause_reason=turn.pause.value)
        current.save()
        if event is not None:
            record(event)


def _make_ready_again(batch: Batch, token: uuid.UUID) -> None:
    """Give a row a new token. Its submission was answered "too many requests": nothing was created."""
    BatchRow.objects.filter(batch=batch, token=token, state=OwnState.READY).update(token=uuid.uuid4())


def _is_done(batch: Batch) -> bool:
    """Whether nothing is left to be sent, or is being sent."""
    waiting = selectors.rows_to_send(batch).exists() or selectors.has_row_to_check_again(batch)
    waiting = waiting or selectors.token_to_repeat(batch) is not None
    return not waiting and not selectors.rows_in(batch, [RowState.SENDING]).exists()


def _end_confirmation(batch: Batch) -> None:
    """End the confirmation of rows that were not sent: if they become ready later, they are confirmed again.

    A ready row of a finished batch was sent, or was not confirmed.
    """
    batch.rows.exclude(state=OwnState.READY).update(confirmed_version=None)


def _facts_at_the_end(batch: Batch) -> dict[str, int]:
    counts = selectors.count_by_state(batch)
    return {"rows": sum(counts.values()), **{one.value: counts[one] for one in COUNTED_AT_THE_END}}
