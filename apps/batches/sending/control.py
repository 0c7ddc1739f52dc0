"""Confirm, pause, resume and stop a batch. Who may do that is checked by the views."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.audit.recording import record
from apps.batches import selectors
from apps.batches.audit_events import BATCH_CONFIRMED, BATCH_PAUSED, BATCH_RESUMED, BATCH_STOPPED
from apps.batches.changing.shown import digest_of_rows
from apps.batches.checking.check import check_batch
from apps.batches.checking.findings import findings_of
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, PauseReason, RowState
from apps.batches.recording import event_of
from apps.batches.sending.run import confirming_person
from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpError
from apps.consumers.selectors import may_have_changed_since
from apps.consumers.sending.submit import SNAPSHOT_SECONDS
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.references import reference_key

CAN_BE_CONFIRMED = (BatchState.CHECKED, BatchState.SENDING, BatchState.FINISHED)
CAN_BE_STOPPED = (BatchState.MATCHING, BatchState.CHECKED, BatchState.SENDING, BatchState.PAUSED)


class NotInThisState(Exception):
    """The batch is in another state than the page showed, so nothing was changed. ``state``: its state."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The batch is {state}")
        self.state = state


class RowsChanged(Exception):
    """Other rows are ready than those that the person saw, so nothing was changed. ``rows``: how many are."""

    def __init__(self, rows: int) -> None:
        super().__init__("Other rows are ready than were shown")
        self.rows = rows


class ConfirmerNotPermitted(Exception):
    """The person who confirmed the batch may no longer create order consumers, so it stays paused."""


@dataclass(frozen=True, slots=True)
class ConfirmResult:
    """``rows``: how many rows were confirmed; 0 if some are not ready any more since they were checked again.

    ``attention``: the numbers of those rows. ``was_read``: whether the order could be read, to find out
    whether it has changed.
    """

    rows: int
    attention: tuple[int, ...] = ()
    was_read: bool = True


def confirm(batch: Batch, *, shown: str, actor: Actor, client: CdpClient) -> ConfirmResult:
    """Confirm that the ready rows are sent, by the worker and as this person.

    If the order may have changed since the rows were checked, they are checked again. If one of them is not
    ready afterwards, nothing is confirmed. ``shown``: the ``digest_of_rows`` of the rows that the page showed
    as ready. Rows that were corrected are confirmed in the same way while the batch is being sent, or was
    finished.

    Raises :class:`NotInThisState` and :class:`RowsChanged`.
    """
    seen = _rows_to_confirm(batch, shown, actor)
    changed_since = _has_changed(batch, client)
    if changed_since:
        confirmed_at = batch.confirmed_at
        check_batch(batch, client=client)
        batch.refresh_from_db()
        _require_confirmable(batch, actor)
        _require_as_seen(batch, seen, confirmed_at)
        ready = {row.pk for row in selectors.rows_to_confirm(batch)}
        changed = tuple(row.number for row in seen if row.pk not in ready)
        if changed:
            return ConfirmResult(0, changed)
        seen = _rows_to_confirm(batch, shown, actor)
    _confirm(batch, seen, actor)
    was_read = changed_since is not None and batch.refs_at_check is not None
    return ConfirmResult(len(seen), was_read=was_read)


def _rows_to_confirm(batch: Batch, shown: str, actor: Actor) -> list[BatchRow]:
    _require_confirmable(batch, actor)
    rows = [*selectors.rows_to_confirm(batch)]
    if not rows or digest_of_rows(rows) != shown:
        raise RowsChanged(len(rows))
    return rows


def _require_confirmable(batch: Batch, actor: Actor) -> None:
    """Raise :class:`NotInThisState`. While a batch is being sent, only its own person adds rows to it."""
    of_another = batch.state == BatchState.SENDING and str(batch.confirmed_by_id) != actor.id
    if batch.state not in CAN_BE_CONFIRMED or batch.erased_at is not None or of_another:
        raise NotInThisState(batch.state)


def _require_as_seen(batch: Batch, seen: Iterable[BatchRow], confirmed_at: dt.datetime | None) -> None:
    """Raise :class:`RowsChanged` if a person has changed one of these rows, or has confirmed the batch again.

    A check changes no version. ``confirmed_at``: of the batch when the rows were read.
    """
    versions = dict(batch.rows.values_list("pk", "version"))
    if batch.confirmed_at != confirmed_at or any(versions.get(row.pk) != row.version for row in seen):
        raise RowsChanged(selectors.rows_to_confirm(batch).count())


def _has_changed(batch: Batch, client: CdpClient) -> bool | None:
    """Whether a consumer may have been added to the order since the rows were checked.

    Returns None if the order cannot be read: each row is compared again before it is sent.
    """
    checked_at = batch.checked_at
    if checked_at is None or checked_at > clock.now():  # from before the clock was set back
        return True
    if may_have_changed_since(batch.order_ref, checked_at):
        return True
    if not settings.CDP_RECONCILIATION or batch.refs_at_check is None:
        return None
    release_database_connections()
    try:
        with client.lookup_slot():
            listed = client.read_order_consumers(batch.order_ref, within=SNAPSHOT_SECONDS, details=False)
    except CdpError:
        return None
    return {*map(reference_key, listed.refs)} != {*map(reference_key, batch.refs_at_check)}


def _confirm(batch: Batch, seen: list[BatchRow], actor: Actor) -> None:
    now = clock.now()
    codes, reason = _overridden(seen)
    with transaction.atomic(durable=True):
        current = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        _require_confirmable(current, actor)
        ready = [*selectors.rows_to_confirm(current)]
        if {(row.pk, row.version) for row in ready} != {(row.pk, row.version) for row in seen}:
            raise RowsChanged(len(ready))
        BatchRow.objects.filter(pk__in=[row.pk for row in ready]).update(confirmed_version=F("version"))
        if current.state != BatchState.SENDING:
            current.start_sending(now)
        current.confirmed_by_id, current.confirmed_by_name = int(actor.id), actor.name
        current.confirmed_session, current.confirmed_at = actor.session, now
        current.save()
        facts = {"rows": len(ready), "overridden": codes, "similar_reason": reason}
        record(event_of(BATCH_CONFIRMED, current, actor, **facts))
    batch.refresh_from_db()


def _overridden(rows: Iterable[BatchRow]) -> tuple[list[str], str]:
    """The codes of the warnings that were confirmed in these rows, and the reason if all have the same.

    A row that is similar to nothing any more may still have its reason, which does not count. The event of
    each row's submission has its own.
    """
    codes: set[str] = set()
    reasons: set[str] = set()
    for row in rows:
        findings = findings_of(row)
        confirmed = [one for one in findings.warnings if one.key in row.accepted]
        codes |= {one.code for one in confirmed}
        if any(one.needs_reason for one in confirmed):
            reasons.add(row.similar_reason)
    return sorted(codes), reasons.pop() if len(reasons) == 1 else ""


def pause(batch: Batch, *, actor: Actor) -> None:
    """Send no further row until the batch is resumed. A row that is being sent is completed.

    Raises :class:`NotInThisState`.
    """
    with transaction.atomic(durable=True):
        current = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if current.state != BatchState.SENDING:
            raise NotInThisState(current.state)
        current.pause(PauseReason.BY_PERSON, clock.now())
        current.save()
        record(event_of(BATCH_PAUSED, current, actor))
    batch.refresh_from_db()


def resume(batch: Batch, *, actor: Actor) -> None:
    """Resume sending a paused batch, as the person who confirmed it.

    Raises :class:`NotInThisState`, and :class:`ConfirmerNotPermitted` if that person may no longer send it.
    """
    with transaction.atomic(durable=True):
        current = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if current.state != BatchState.PAUSED or current.erased_at is not None:
            raise NotInThisState(current.state)
        if confirming_person(current) is None:
            raise ConfirmerNotPermitted
        current.start_sending(clock.now())
        current.save()
        record(event_of(BATCH_RESUMED, current, actor, rows=selectors.rows_to_send(current).count()))
    batch.refresh_from_db()


def stop(batch: Batch, *, actor: Actor) -> None:
    """Stop a batch for good; rows that are ready are left out. A row that is being sent is completed.

    No row is sent after this has returned: the transaction that stores a submission holds the batch.

    Raises :class:`NotInThisState`.
    """
    with transaction.atomic(durable=True):
        current = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if current.state not in CAN_BE_STOPPED:
            raise NotInThisState(current.state)
        stop_held(current, actor)
    batch.refresh_from_db()


def stop_held(batch: Batch, actor: Actor) -> None:
    """Stop a batch that the transaction holds, and record it. As :func:`stop`, which checks its state."""
    unsent = selectors.rows_in(batch, [RowState.READY])
    left_out = BatchRow.objects.filter(pk__in=[*unsent.values_list("pk", flat=True)]).update(
        state=OwnState.LEFT_OUT, left_out_by_stop=True, version=F("version") + 1
    )
    batch.end(BatchState.STOPPED, clock.now())
    batch.save()
    record(event_of(BATCH_STOPPED, batch, actor, rows=left_out))
