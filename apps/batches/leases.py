"""The lease of the process that sends a row of a batch: one per batch, and one per order.

A constraint refuses a second lease for an order, so that the evidence for a row's submission is not disturbed
by another row. A lease whose process died ends by itself.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from apps.batches.models import Batch, BatchState
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation.resolution import longest_send
from apps.core.connections import DATABASE_ERRORS

_unreleased: list[uuid.UUID] = []
"""Leases of this process that the database could not release. Appending and popping are atomic."""


def acquire(now: dt.datetime) -> Batch | None:
    """The batch that has been due longest, with a new lease; None if none is due.

    A batch waits while a row of any batch for the same order is being sent, also after its process died:
    until the worker has marked that submission as unknown. Does not lock SQLite for writing if none is due.
    Raises database errors.
    """
    _retry_releases()
    for pk, order_ref in _due(now).values_list("pk", "order_ref"):
        lease = uuid.uuid4()
        until = now + _longest_turn()
        _end_expired(order_ref, now)
        try:
            with transaction.atomic():
                taken = _due(now).filter(pk=pk).update(lease=lease, leased_until=until)
        except IntegrityError:  # another process has just taken a batch for the same order
            continue
        if taken:
            return Batch.objects.get(pk=pk)
    return None


def release_later(lease: uuid.UUID) -> None:
    """Release a lease later, because the database does not answer. Raises nothing."""
    _unreleased.append(lease)


def _longest_turn() -> dt.timedelta:
    """How long a turn may take: reading the order, then the call and the writes."""
    return dt.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT) + longest_send()


def _due(now: dt.datetime) -> QuerySet[Batch]:
    free = Q(lease__isnull=True) | Q(leased_until__lte=now)
    due = Batch.objects.filter(free, state=BatchState.SENDING, due_at__lte=now)
    others = Batch.objects.filter(lease__isnull=False, leased_until__gt=now)
    in_flight = Submission.objects.filter(batch__isnull=False, outcome=Outcome.SENDING)
    key = Lower(OuterRef("order_ref"))
    return due.exclude(
        Exists(others.alias(order_key=Lower("order_ref")).filter(order_key=key))
        | Exists(in_flight.alias(order_key=Lower("order_ref")).filter(order_key=key))
    ).order_by("due_at", "id")


def _end_expired(order_ref: str, now: dt.datetime) -> None:
    """End the leases for the order whose processes died or stood still for too long."""
    expired = Batch.objects.alias(order_key=Lower("order_ref")).filter(
        order_key=order_ref.lower(), lease__isnull=False, leased_until__lte=now
    )
    if expired.exists():  # an UPDATE locks SQLite for writing
        expired.update(lease=None, leased_until=None)


def _retry_releases() -> None:
    while True:
        try:
            lease = _unreleased.pop()
        except IndexError:  # also if another thread has just taken the last one
            return
        try:
            Batch.objects.filter(lease=lease).update(lease=None, leased_until=None)
        except DATABASE_ERRORS:
            release_later(lease)
            raise
