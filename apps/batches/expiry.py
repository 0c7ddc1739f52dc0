"""Delete the personal data of batches that are unconfirmed, paused or ended, after ``BATCH_DAYS``."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_ERASED
from apps.batches.models import ENDED_STATES, Batch, BatchRow, BatchState, OwnState
from apps.batches.recording import event_of
from apps.batches.sending.control import stop_held
from apps.core import clock
from apps.core.actor import Actor


def delete_expired(actor: Actor) -> int:
    """Delete the personal data of expired batches; return how many batches were erased.

    The rows stay, with their numbers. Their submissions are not changed. Ready rows are left out, because
    their values are gone, and a paused batch is stopped. A batch with a row that is being sent or unknown is
    erased later: the person who resolves it may need its rows.
    """
    erased = 0
    for batch in _expired():
        if not selectors.has_open_submission(batch):
            erased += _erase(batch, actor)
    return erased


def _expired() -> QuerySet[Batch]:
    since = clock.now() - dt.timedelta(days=settings.BATCH_DAYS)
    late = (
        Q(confirmed_at__isnull=True, created_at__lt=since)  # also if it was discarded since
        | Q(state__in=ENDED_STATES, ended_at__lt=since)
        | Q(state=BatchState.PAUSED, stands_since__lt=since)
    )
    batches = Batch.objects.alias(stands_since=Coalesce("paused_at", "confirmed_at"))
    return batches.filter(late, erased_at__isnull=True).order_by("pk")


def _erase(batch: Batch, actor: Actor) -> bool:
    with transaction.atomic(durable=True):
        current = _expired().select_for_update(no_key=True).filter(pk=batch.pk).first()
        if current is None:  # another worker has erased it, or it was confirmed just now
            return False
        if current.state == BatchState.PAUSED:
            stop_held(current, actor)
        rows = BatchRow.objects.filter(batch=current)
        rows.filter(state=OwnState.READY).update(state=OwnState.LEFT_OUT)
        # The keys of confirmed warnings may contain digests of names.
        count = rows.update(
            encrypted_cells=b"", encrypted_values=b"", encrypted_findings=b"", accepted=[], similar_reason=""
        )
        current.encrypted_headers, current.erased_at = b"", clock.now()
        current.save()
        record(event_of(BATCH_ERASED, current, actor, rows=count))
    return True
