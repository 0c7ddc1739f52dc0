"""Batches whose rows are checked, to be confirmed and sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from apps.accounts.models import User
from apps.batches.models import Batch, BatchState, OwnState, PauseReason
from apps.batches.sending import control
from apps.batches.sending.run import send_next_due
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.batch_rows import batch_of, shown_rows, states
from tests.support.entries import clean
from tests.support.people import acting, events

PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def people(count: int, *, first: int = 0) -> list[NewConsumer]:
    """Consumers that cause no warning, also beside each other."""
    return [_person(number) for number in range(first, first + count)]


def _person(number: int) -> NewConsumer:
    # Letters, because names of one letter's difference are similar.
    name = "".join(chr(ord("a") + int(digit)) * 4 for digit in f"{number:04}")
    born = dt.date(1950, 1, 1) + dt.timedelta(days=97 * number)
    return clean(
        first_name=name[::-1].title(),
        last_name=name.title(),
        date_of_birth=born,
        emails=(f"{name}@example.com",),
    )


def checked_batch(
    author: User, consumers: Sequence[NewConsumer], *, order: str = SAMPLE_ORDER, **columns: Any
) -> Batch:
    """A batch whose rows are all ready, checked just now."""
    batch = batch_of(author, consumers, order=order, **{"checked_at": clock.now(), **columns})
    batch.rows.update(state=OwnState.READY)
    return batch


def stored_batch(author: User, state: BatchState, **columns: Any) -> Batch:
    """A batch without rows in this state, as it is stored."""
    now = clock.now()
    facts: dict[str, Any] = {"state": state}
    if state in (BatchState.SENDING, BatchState.PAUSED, BatchState.STOPPED, BatchState.FINISHED):
        facts |= {"confirmed_by": author, "confirmed_by_name": author.name, "confirmed_at": now}
    if state == BatchState.SENDING:
        facts["due_at"] = now
    if state == BatchState.PAUSED:
        facts["pause_reason"] = PauseReason.BY_PERSON
    if state in (BatchState.STOPPED, BatchState.FINISHED):
        facts["ended_at"] = now
    return checked_batch(author, [], **{**facts, **columns})


def confirmed_batch(author: User, consumers: Sequence[NewConsumer], **columns: Any) -> Batch:
    """Such a batch after its author has confirmed it."""
    batch = checked_batch(author, consumers, **columns)
    control.confirm(batch, shown=shown_rows(batch), actor=acting(author), client=get_client())
    return batch


def take_turn(batch: Batch) -> bool:
    """Let the batch be due, and take its next turn; False if nothing was due."""
    Batch.objects.filter(pk=batch.pk, state=BatchState.SENDING).update(due_at=PAST)
    try:
        return send_next_due(client=get_client(), stop=lambda: False)
    finally:
        batch.refresh_from_db()


def send_all(batch: Batch) -> None:
    """Take turns until the batch is not being sent any more. Fails if rows wait for something."""
    for _ in range(3 * batch.rows.count() + 10):
        if batch.state != BatchState.SENDING:
            return
        take_turn(batch)
    raise AssertionError(f"The batch is still being sent: {states(batch)}")


def data_of(action: str) -> list[dict[str, Any]]:
    """The details of the events of one action, oldest first."""
    return [one.details for one in events(action)]
