"""Batches whose rows are checked, to be confirmed and sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from apps.accounts.models import User
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, SourceKind
from apps.batches.sending import control
from apps.batches.sending.run import send_next_due
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.batch_rows import states
from tests.support.entries import clean, posted
from tests.support.people import acting

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
    """A batch whose rows are all ready, checked just now. The first row of the file has the headers."""
    now = clock.now()
    batch = Batch.objects.create(
        **{
            "author": author,
            "author_name": author.name,
            "created_at": now,
            "checked_at": now,
            "order_ref": order,
            "state": BatchState.CHECKED,
            "source": SourceKind.CSV,
            **columns,
        }
    )
    for number, consumer in enumerate(consumers, start=2):
        row = BatchRow(batch=batch, number=number, state=OwnState.READY)
        row.cells = (consumer.first_name, consumer.last_name)
        values = posted(consumer, order=order)
        del values["token"]
        row.values = values
        row.save(force_insert=True)
    return batch


def confirmed_batch(author: User, consumers: Sequence[NewConsumer], **columns: Any) -> Batch:
    """Such a batch after its author has confirmed it."""
    batch = checked_batch(author, consumers, **columns)
    control.confirm(batch, expected_rows=len(consumers), actor=acting(author), client=get_client())
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
