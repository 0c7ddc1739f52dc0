"""Send the rows of confirmed batches, one after the other, as the person who confirmed them.

A row is sent by ``consumers.sending.submit``, as an entry of the form is. It is sent only while it is ready,
confirmed as it is, and the batch is being sent under this lease: the transaction that stores the submission
holds the batch and the row, so that nothing is sent after a stop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from django.conf import settings

from apps.accounts.models import User
from apps.accounts.selectors import actor_for, find_account
from apps.batches import leases, selectors
from apps.batches.checking.accepting import accepted_keys
from apps.batches.checking.check import set_attention
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, PauseReason
from apps.batches.permissions import SEND_BATCHES
from apps.batches.sending import pace
from apps.batches.sending.choosing import Chosen, NoRow, RowNotReadable, next_row
from apps.batches.sending.pace import Turn
from apps.batches.sending.turns import end_turn
from apps.cdp.client import CdpClient
from apps.consumers.models import CORRECTABLE_OUTCOMES
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.consumers.reconciliation import circuit_breaker
from apps.consumers.sending.storing import OutcomeNotStored
from apps.consumers.sending.submit import (
    BatchRowRef,
    Busy,
    IdenticalOpen,
    NotConfirmed,
    NotSubmitted,
    NotWritten,
    TokenUsed,
    submit,
)
from apps.core import clock
from apps.core.actor import Actor, Origin
from apps.core.connections import is_database_unavailable

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("worker")
NEEDED_TO_SEND: Final = (SEND_BATCHES, CREATE_ORDER_CONSUMER)
"""The permissions that the person who confirmed a batch needs as long as it is sent."""


class RowNotCurrent(NotSubmitted):
    """The row must not be sent any more: the batch or the row has changed, or the lease has ended."""


def send_next_due(*, client: CdpClient, stop: Callable[[], bool]) -> bool:
    """Take one turn of the batch that has been due longest; False if none is due or ``stop`` says so.

    Any number of threads and processes may call this at the same time. Raises database errors: the row stays
    ready, or its submission is completed by the spool or by reconciliation.
    """
    now = clock.now()
    batch = None if stop() else leases.acquire(now)
    if batch is None or batch.lease is None:
        return False
    try:
        end_turn(batch, _take_turn(batch, client), began=now, actor=ACTOR)
    except BaseException:
        leases.release_later(batch.lease)
        raise
    return True


def _take_turn(batch: Batch, client: CdpClient) -> Turn:
    """Send the next row, and return what follows. Raises database errors only."""
    try:
        return _send_next(batch, client)
    except Exception as error:  # one row must not stop the other batches
        if is_database_unavailable(error):
            raise
        logger.exception("batch_row_fault %s", batch.public_id)
        return pace.turn_without_send(batch, pause=PauseReason.FAULT)


def _send_next(batch: Batch, client: CdpClient) -> Turn:
    now = clock.now()
    if settings.CDP_RECONCILIATION and (until := circuit_breaker.paused_until(now)) is not None:
        return pace.turn_without_send(batch, wait=(until - now).total_seconds())
    asked = selectors.asked_to_wait_until(now, at_most=circuit_breaker.LONGEST_ASKED)
    if asked is not None and asked > now:
        return pace.turn_without_send(batch, wait=(asked - now).total_seconds())
    person = confirming_person(batch)
    if person is None:
        return pace.turn_without_send(batch, pause=PauseReason.NOT_PERMITTED)
    if (token := selectors.token_to_repeat(batch)) is not None:
        return pace.turn_after_limit(batch, token)
    try:
        chosen = next_row(batch)
    except RowNotReadable:
        logger.error("batch_row_not_readable %s", batch.public_id)
        return pace.turn_without_send(batch, pause=PauseReason.NOT_READABLE)
    if isinstance(chosen, NoRow):
        return pace.turn_without_send(batch, wait=pace.LATER)
    actor = actor_for(person, Origin(), session=batch.confirmed_session)
    return _send(batch, chosen, actor, client)


def confirming_person(batch: Batch) -> User | None:
    """The account that confirmed the batch, as it is now; None if it may no longer send it.

    A deactivated account has no permissions.
    """
    person = find_account(batch.confirmed_by_id) if batch.confirmed_by_id else None
    if person is None or not person.has_perms(NEEDED_TO_SEND):
        return None
    return person


def _send(batch: Batch, chosen: Chosen, actor: Actor, client: CdpClient) -> Turn:
    row = chosen.row
    before = selectors.last_attempt(batch, row.number)
    proved_absent = before is not None and before.known_outcome in CORRECTABLE_OUTCOMES
    try:
        submission = submit(
            order_ref=batch.order_ref,
            consumer=chosen.consumer,
            token=row.token,
            actor=actor,
            client=client,
            accepted=accepted_keys(row),
            similar_reason=row.similar_reason,
            normalised=chosen.entry.normalised(),
            resubmission_of=before if proved_absent else None,
            batch_row_ref=BatchRowRef(batch.public_id, row.number, partial(require_current, batch, row)),
        )
    except NotConfirmed as stopped:
        set_attention(row, stopped.warnings)
        return pace.turn_without_send(batch)
    except (IdenticalOpen, RowNotCurrent, TokenUsed, Busy, NotWritten) as not_sent:
        # The row stays ready, or has changed. TokenUsed: another process has just sent it.
        logger.info("batch_row_not_sent %s row=%s %s", batch.public_id, row.number, type(not_sent).__name__)
        wait = pace.LATER if isinstance(not_sent, NotWritten) else pace.SOON
        return pace.turn_without_send(batch, wait=wait)
    except OutcomeNotStored as unstored:
        # The spool stores it, or the submission becomes unknown. Until then the order waits.
        return pace.turn_after_send(
            batch, unstored.submission, unstored.result.outcome, unstored.result.error_code
        )
    return pace.turn_after_send(batch, submission, submission.outcome, submission.error_code)


def require_current(batch: Batch, row: BatchRow) -> None:
    """Lock the batch and the row, and check that the row may be sent. In the transaction that stores it.

    A process that stops or pauses the batch, or changes the row, waits for the lock, or has committed before.
    SQLite has no row locks; the transaction holds its only lock for writing from the start.

    Raises :class:`RowNotCurrent`.
    """
    current = Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk).first()
    if (
        current is None
        or current.state != BatchState.SENDING
        or current.lease != batch.lease
        or current.leased_until is None
        or current.leased_until <= clock.now()
        or current.confirmed_by_id != batch.confirmed_by_id
    ):
        raise RowNotCurrent("The batch is not being sent under this lease")
    if confirming_person(current) is None:  # since the beginning of the turn
        raise RowNotCurrent("The person who confirmed may no longer send it")
    if selectors.in_flight_on_order(batch.order_ref).exists():
        raise RowNotCurrent("Another row is being sent to the order")
    now = BatchRow.objects.select_for_update(no_key=True).filter(pk=row.pk).first()
    if (
        now is None
        or now.state != OwnState.READY
        or now.token != row.token
        or now.version != row.version
        or now.confirmed_version != now.version
    ):
        raise RowNotCurrent("The row has changed")
