"""Changes of rows at the same time as other changes, checks and sends."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.batches.changing import rows
from apps.batches.changing.held_rows import NotChanged, RowChanged
from apps.batches.changing.rows import correct_row
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch, BatchRow, BatchState, OwnState
from apps.batches.sending.run import RowNotCurrent, require_current
from apps.cdp.factory import get_client
from apps.consumers.models import Submission
from apps.consumers.sending.submit import BatchRowRef, submit
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import IDA, KAI, checked, paused, row_of, states
from tests.support.entries import FULL, posted
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import acting
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def being_sent(author: User) -> Batch:
    """A checked and confirmed batch of one row, under a lease."""
    now = clock.now()
    under_lease = {"due_at": now, "lease": uuid.uuid4(), "leased_until": now + timedelta(minutes=1)}
    batch = checked(
        author, IDA, **{**paused(author), "state": BatchState.SENDING, "pause_reason": "", **under_lease}
    )
    batch.rows.update(confirmed_version=1)
    return batch


def send(batch: Batch, row: BatchRow) -> Submission:
    """Send the row as the worker does."""
    return submit(
        order_ref=batch.order_ref,
        consumer=IDA,
        token=row.token,
        actor=acting(batch.author),
        client=get_client(),
        batch_row_ref=BatchRowRef(batch.public_id, row.number, partial(require_current, batch, row)),
    )


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_row_is_corrected_or_sent_and_never_both(staff: User, sandbox: SandboxServer) -> None:
    for _ in range(5):
        batch = being_sent(staff)
        sending, row = partial(send, batch, row_of(batch, 2)), row_of(batch, 2)
        refused = at_once(sending, lambda: correct_row(batch, row, posted(KAI), actor=acting(staff)))  # noqa: B023
        stored = row_of(batch, 2)
        if stored.current in OwnState.values:
            assert (stored.values["first_name"], refused) == ("Kai", [RowNotCurrent])
        else:
            assert (stored.values["first_name"], refused) == ("Ida", [RowChanged])
        Submission.objects.all().delete()
        BatchRow.objects.all().delete()
        Batch.objects.all().delete()


@pytest.mark.sql("new")
@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_send_waits_for_a_correction_that_is_under_way(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a transaction of SQLite has the only lock from its start")
    batch = being_sent(staff)
    row, renew, refused = row_of(batch, 2), rows._renew, []
    sending = threading.Thread(target=lambda: refused.extend(at_once(partial(send, batch, row))))

    def renew_late(stored: BatchRow) -> None:
        renew(stored)
        sending.start()
        assert wait_for(is_a_transaction_waiting, 20)

    monkeypatch.setattr(rows, "_renew", renew_late)
    correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    sending.join()
    assert (refused, Submission.objects.count()) == ([RowNotCurrent], 0)


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_leave_no_row_that_was_compared_with_former_data(staff: User) -> None:
    for _ in range(5):
        batch = checked(staff, IDA, KAI, posted(IDA, first_name=""))
        changes = [
            lambda batch=batch: correct_row(batch, row_of(batch, 2), posted(FULL), actor=acting(staff)),
            lambda batch=batch: correct_row(batch, row_of(batch, 3), posted(FULL), actor=acting(staff)),
            lambda batch=batch: check_batch(batch, client=get_client()),
        ]
        assert at_once(*changes) == []
        assert states(batch) == ["ready", "attention", "attention"]


def at_once(*calls: Callable[[], object]) -> list[type[Exception]]:
    """Run these calls in threads of their own, and return what refused them."""
    barrier = threading.Barrier(len(calls))
    raised: list[type[Exception]] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except (RowNotCurrent, NotChanged) as refused:
            raised.append(type(refused))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result()
    return raised
