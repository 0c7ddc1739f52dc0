"""Create one order consumer: store the submission, send it at most once, store the outcome."""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit.recording import record
from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.consumers import NewConsumer
from apps.cdp.errors import CdpBusy, CdpError
from apps.cdp.records import Order
from apps.consumers import connection_health, drafts, selectors
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED, SUBMISSION_REPEAT_BLOCKED
from apps.consumers.drafts import DraftMark
from apps.consumers.duplicates.known import known_on_order
from apps.consumers.duplicates.reasons import SimilarReason
from apps.consumers.models import Submission
from apps.consumers.order_lookup.readings import find_reading, is_current
from apps.consumers.recording import event_of
from apps.consumers.sending import storing
from apps.consumers.sending.digests import content_digest, content_digests, store_search_digests
from apps.consumers.sending.order_comparison import EntryOnOrder
from apps.consumers.sending.result import Result
from apps.consumers.sending.warnings import EntryWarning, find_warnings
from apps.core import clock, keys_in_use
from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS, release_database_connections, statements_prepared
from apps.core.encryption import DIGEST, MissingKeyError
from apps.core.locks import hold_order
from apps.core.references import stored_order_number

logger = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 2.0  # limit for reading the order before a send


class NotSubmitted(Exception):
    """Nothing was sent. The entry stays on the page. Only an event may have been stored."""


class TokenUsed(NotSubmitted):
    """The token of this form already belongs to a submission with other content."""

    def __init__(self, submission: Submission) -> None:
        super().__init__("The token belongs to another submission")
        self.submission = submission


class IdenticalOpen(NotSubmitted):
    """A submission of the same consumer to the same order is being sent or unknown."""

    def __init__(self, submission: Submission) -> None:
        super().__init__("The same content is being sent or unknown")
        self.submission = submission


class NotConfirmed(NotSubmitted):
    """There are warnings that the person has not confirmed."""

    def __init__(self, warnings: tuple[EntryWarning, ...]) -> None:
        super().__init__("There are warnings to confirm")
        self.warnings = warnings


class ReasonMissing(NotConfirmed):
    """A similar consumer is on the order, and the person has given no reason to create another one."""


class Busy(NotSubmitted):
    """This process is already making as many calls to the vendor as it may at the same time."""


class NotWritten(NotSubmitted):
    """The submission could not be stored, so nothing was sent. The error is the cause."""


@dataclass(frozen=True, slots=True)
class BatchRowRef:
    """The row of a batch that a submission is made for.

    ``require_current``: called in the transaction that stores the submission, before it. It raises a
    :class:`NotSubmitted` if the row must not be sent any more, and holds what it has read until the commit.
    """

    batch: uuid.UUID
    row: int
    require_current: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Decision:
    """What the caller says about the entry besides its content."""

    accepted: frozenset[str]
    similar_reason: str
    normalised: frozenset[str]
    draft: DraftMark | None
    batch_row_ref: BatchRowRef | None


def submit(
    *,
    order_ref: str,
    consumer: NewConsumer,
    token: uuid.UUID,
    actor: Actor,
    client: CdpClient,
    accepted: frozenset[str] = frozenset(),
    similar_reason: str = "",
    normalised: frozenset[str] = frozenset(),
    resubmission_of: Submission | None = None,
    draft: DraftMark | None = None,
    batch_row_ref: BatchRowRef | None = None,
) -> Submission:
    """Create the consumer on the order, once, and return the submission with its outcome.

    The same token with the same content returns the existing submission. ``accepted``: the keys of the
    warnings that the person has confirmed. ``similar_reason``: the ``SimilarReason`` for creating a consumer
    although a similar one is on the order. ``normalised``: the values that differ from what was typed, as
    ``field:how``. ``draft``: that of the form, which is finished with the record before the send, or when the
    existing submission is returned. ``batch_row_ref``: for a row of a batch.

    Raises ``TokenUsed``, ``IdenticalOpen``, ``NotConfirmed``, ``ReasonMissing`` or ``Busy`` if nothing is
    sent, and ``NotWritten`` if nothing is sent because the first transaction fails. Every answer of the
    vendor, and every missing answer, is an outcome and not an exception. Raises ``OutcomeNotStored`` if the
    outcome cannot be stored.
    """
    with _database_required_before_send():
        existing = _existing_submission(token, content_digests(order_ref, consumer), actor, draft)
    if existing is not None:
        return existing
    submission = Submission(
        token=token,
        order_ref=order_ref,
        actor_id=actor.id,
        actor_name=actor.name,
        resubmission_of=resubmission_of,
        batch=batch_row_ref.batch if batch_row_ref else None,
        batch_row=batch_row_ref.row if batch_row_ref else None,
    )
    with _database_required_before_send():
        submission.consumer = consumer
        reading = find_reading(order_ref)
        is_usable = reading is not None and is_current(reading)
    order, kept = (reading.order, reading.listed) if reading else (None, None)
    submission.order_number = stored_order_number(order.reference_id) if order else ""
    try:
        with client.slot():
            listed = kept if is_usable and kept else _list_before(order_ref, client)
            if settings.CDP_RECONCILIATION and listed is not None and listed.has_ended:
                submission.refs_before, submission.refs_before_whole = list(listed.refs), listed.is_whole
            with _database_required_before_send():
                entry = EntryOnOrder(order_ref, consumer, known_on_order(listed, kept))
                decision = _Decision(accepted, similar_reason, normalised, draft, batch_row_ref)
                existing = _store_or_find_existing(submission, entry, actor, decision, order=order)
            if existing is not None:
                return existing
            release_database_connections()
            result = _send(submission, consumer, client)
    except CdpBusy:
        raise Busy("Too many calls are under way") from None
    stored = storing.store(submission, result, actor)
    connection_health.store_latest()
    return stored


@contextmanager
def _database_required_before_send() -> Iterator[None]:
    """Turn any database error before the send into ``NotWritten``: full disk, lock, missing table.

    Also a missing key: the record could not be read or compared by other processes.
    """
    try:
        yield
    except MissingKeyError as error:
        logger.error("create_not_written key_missing")  # its text is a key's id
        raise NotWritten("This process does not have a key in use") from error
    except DATABASE_ERRORS as error:
        logger.exception("create_not_written")
        raise NotWritten("The record before the send could not be written") from error


def _list_before(order_ref: str, client: CdpClient) -> ListedConsumers | None:
    """Step 0: the consumers on the order before the send.

    A check can then tell which are new, and the entry is compared with them. Not called if the panel's
    reading of the order can be used instead. A failure, or a list that is not whole, weakens the evidence and
    the comparison. It never stops the create.
    """
    if not settings.CDP_RECONCILIATION:
        return None
    release_database_connections()
    try:
        return client.read_order_consumers(order_ref, within=SNAPSHOT_SECONDS, details=False)
    except CdpError:
        return None


def _store_or_find_existing(
    submission: Submission, entry: EntryOnOrder, actor: Actor, decision: _Decision, *, order: Order | None
) -> Submission | None:
    """Step 1. Return the existing submission of this form if it was stored at the same time.

    Raises ``TokenUsed`` or ``IdenticalOpen`` if another submission blocks this one. A submission that blocked
    the insert may have finished since; then the insert is tried again.
    """
    try:
        _store_submission(submission, entry, actor, decision, order=order)
    except IntegrityError:
        digests = content_digests(submission.order_ref, entry.consumer)
        existing = _existing_submission(submission.token, digests, actor, decision.draft)
        if existing is not None:
            return existing
        submission.pk = None
        _store_submission(submission, entry, actor, decision, order=order)
    return None


def _existing_submission(
    token: uuid.UUID, digests: tuple[bytes, ...], actor: Actor, draft: DraftMark | None
) -> Submission | None:
    """The existing submission of this form and content. Raises if another submission blocks this one.

    ``digests``: of the content, under every digest key: a stored one may be under a former key. ``draft``: is
    finished if the submission exists: a save after the first send may have stored what was sent again.
    """
    same_token, identical = selectors.blocking_submissions(token, digests)
    if (
        same_token is not None
        and same_token.content_digest in digests
        and str(same_token.actor_id) == actor.id
    ):
        _record_blocked(same_token, "same_form_again", actor, draft)
        return same_token
    if same_token is not None:
        refuse_used_form(same_token, actor)
    if identical is not None:
        _record_blocked(identical, "identical_one_is_open", actor)
        raise IdenticalOpen(identical)
    return None


def refuse_used_form(submission: Submission, actor: Actor) -> NoReturn:
    """Refuse another entry in the form that this submission was sent with. Its draft stays.

    Raises ``TokenUsed`` after its event was stored, or what the database raises.
    """
    _record_blocked(submission, "form_used_for_another_entry", actor)
    raise TokenUsed(submission)


def _record_blocked(submission: Submission, why: str, actor: Actor, draft: DraftMark | None = None) -> None:
    with transaction.atomic():
        if draft is not None:
            drafts.finish(draft, person_id=int(actor.id))
        record(event_of(SUBMISSION_REPEAT_BLOCKED, submission, actor, why=why))


@statements_prepared()
def _store_submission(
    submission: Submission, entry: EntryOnOrder, actor: Actor, decision: _Decision, *, order: Order | None
) -> None:
    """Step 1: store the submission and its event before anything is sent.

    Warnings are computed after the insert. From then on the constraint refuses an identical submission. The
    order is held, so that of two similar entries at the same moment the second is compared with the first.

    The digests are under the digest key in use, which stays in use until the commit: the constraint compares
    digests of one key only. Raises ``MissingKeyError`` if this process does not have that key.
    """
    with transaction.atomic(durable=True):
        key = keys_in_use.lock(DIGEST)
        if decision.batch_row_ref is not None:
            decision.batch_row_ref.require_current()
        hold_order(submission.order_ref)
        submission.submitted_at = now = clock.now()
        submission.deadline = now + datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT)
        submission.content_digest = content_digest(submission.order_ref, entry.consumer, key=key)
        submission.save(force_insert=True)
        compared = entry.compare(besides=submission)
        warnings = find_warnings(submission.order_ref, entry.consumer, compared=compared, order=order)
        if not all(warning.is_confirmed(decision.accepted) for warning in warnings):
            raise NotConfirmed(warnings)
        if compared.similar and decision.similar_reason not in SimilarReason.values:
            raise ReasonMissing(warnings)
        store_search_digests(submission, entry.consumer, key=key)
        if decision.draft is not None:  # an entry is never both draft and submission
            drafts.finish(decision.draft, person_id=int(actor.id))
        corrected = submission.resubmission_of
        record(
            event_of(
                CONSUMER_CREATE_REQUESTED,
                submission,
                actor,
                fields=sorted(entry.consumer.to_json()),
                overridden=sorted({warning.code for warning in warnings}),
                similar_rules=sorted({similar.comparison.rule.value for similar in compared.similar}),
                similar_reason=decision.similar_reason if compared.similar else "",
                compared=compared.compared,
                on_order=compared.total,
                normalised=sorted(decision.normalised),
                resubmission_of=str(corrected.public_id) if corrected else "",
                batch=str(submission.batch) if submission.batch else "",
                row=submission.batch_row,
            )
        )


def _send(submission: Submission, consumer: NewConsumer, client: CdpClient) -> Result:
    """Step 2: no transaction, no database connection; one send."""
    started = time.monotonic()
    try:
        creation = client.create_order_consumer(submission.order_ref, consumer, deadline=submission.deadline)
    except CdpError as error:
        return Result.of_error(error, submission, duration_ms=_milliseconds_since(started))
    duration_ms = _milliseconds_since(started)
    try:
        return Result.of_creation(creation, submission, duration_ms=duration_ms)
    except Exception:  # any failure: the consumer exists, and its reference must not be lost
        logger.exception("answer_not_processed %s", submission.public_id)
        return Result.of_references(creation, submission, duration_ms=duration_ms)


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
