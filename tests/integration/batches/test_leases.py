"""One row in flight for each order, also if a process died."""

from __future__ import annotations

import uuid

import pytest

from apps.accounts.models import User
from apps.batches import leases
from apps.batches.models import Batch
from apps.batches.sending import control
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import states
from tests.support.batch_sending import PAST, confirmed_batch, people, send_all, take_turn
from tests.support.entries import clean, store
from tests.support.people import acting

pytestmark = pytest.mark.django_db


def test_batches_for_one_order_are_sent_one_at_a_time(sandbox: SandboxServer, staff: User) -> None:
    first = confirmed_batch(staff, people(1))
    second = confirmed_batch(staff, people(1, first=10), order=SAMPLE_ORDER.upper())
    third = confirmed_batch(staff, people(1, first=20), order=FAMILY_ORDER)
    now = clock.now()
    held = leases.acquire(now)
    assert held is not None
    assert held.pk == first.pk
    other = leases.acquire(now)
    assert other is not None
    assert other.pk == third.pk
    assert leases.acquire(now) is None
    second.refresh_from_db()
    assert second.lease is None


def test_expired_lease_of_another_batch_is_ended(sandbox: SandboxServer, staff: User) -> None:
    first = confirmed_batch(staff, people(1))
    second = confirmed_batch(staff, people(1, first=10))
    Batch.objects.filter(pk=first.pk).update(lease=uuid.uuid4(), leased_until=PAST)
    control.pause(first, actor=acting(staff))
    held = leases.acquire(clock.now())
    assert held is not None
    assert held.pk == second.pk
    first.refresh_from_db()
    assert first.lease is None


class _TakenByAnotherThread(list[uuid.UUID]):
    """A list that is not empty when it is looked at, and is when it is taken from."""

    def __bool__(self) -> bool:
        return True


def test_lease_that_another_thread_is_releasing_stops_no_duty(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    monkeypatch.setattr(leases, "_unreleased", _TakenByAnotherThread())
    held = leases.acquire(clock.now())
    assert held is not None
    assert held.pk == batch.pk


def test_order_waits_for_a_row_whose_process_died(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(1))
    lost = store(staff, Outcome.SENDING, clean(last_name="Lost"), batch=uuid.uuid4(), batch_row=7)
    assert not take_turn(batch)
    Submission.objects.filter(pk=lost.pk).update(
        outcome=Outcome.UNKNOWN, finished_at=clock.now(), error_code="process_lost"
    )
    send_all(batch)
    assert states(batch) == ["created"]
