"""The main job: one create, written down before and after, sent at most once."""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit.recording import record
from apps.cdp.client import CdpClient, ListedRefs
from apps.cdp.consumers import NewConsumer
from apps.cdp.errors import CdpBusy, CdpError
from apps.consumers import contact, selectors, storing
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED, SUBMISSION_REPEAT_BLOCKED
from apps.consumers.concerns import Concern, find_concerns
from apps.consumers.digests import content_digest, search_digests
from apps.consumers.models import Submission, SubmissionDigest
from apps.consumers.recording import event_of
from apps.consumers.results import Result
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

logger = logging.getLogger(__name__)

SNAPSHOT_SECONDS = 2.0  # the longest that reading the order before a send may take


class NotSubmitted(Exception):
    """Nothing was sent and nothing was stored but an event; the entry stays on the page."""


class TokenUsed(NotSubmitted):
    """The rendered form has already led to a submission, with another content."""

    def __init__(self, submission: Submission) -> None:
        super().__init__("The token belongs to another submission")
        self.submission = submission


class IdenticalOpen(NotSubmitted):
    """The same consumer is being sent to the same order, or was and nobody knows whether it exists."""

    def __init__(self, submission: Submission) -> None:
        super().__init__("The same content is being sent or unknown")
        self.submission = submission


class NotConfirmed(NotSubmitted):
    """There are reasons to stop that the person has not accepted yet."""

    def __init__(self, concerns: tuple[Concern, ...]) -> None:
        super().__init__("There are reasons to stop")
        self.concerns = concerns


class Busy(NotSubmitted):
    """As many calls to the vendor as this process makes at a time are under way."""


class NotWritten(NotSubmitted):
    """The database did not take the record that has to stand before a send. Its error is the cause."""


def submit(
    *,
    order_ref: str,
    consumer: NewConsumer,
    token: uuid.UUID,
    actor: Actor,
    client: CdpClient,
    accepted: frozenset[str] = frozenset(),
    normalised: frozenset[str] = frozenset(),
    resubmission_of: Submission | None = None,
) -> Submission:
    """Create the consumer on the order, once, and return the submission with its outcome.

    The same token with the same content returns the submission that it led to. ``accepted`` holds the
    keys of the concerns that the person has seen and overridden, ``normalised`` says as ``field:how`` which
    values are not as they were typed.

    Raises ``TokenUsed``, ``IdenticalOpen``, ``NotConfirmed`` or ``Busy`` when nothing is sent, and
    ``NotWritten`` when nothing is sent because the first transaction cannot be written. Whatever the vendor
    answers, or does not, is an outcome and no exception; ``OutcomeNotStored`` when that cannot be written.
    """
    digest = content_digest(order_ref, consumer)
    with _nothing_is_sent_without_the_database():
        earlier = _earlier_submission(token, digest, actor)
    if earlier is not None:
        return earlier
    submission = Submission(
        token=token,
        content_digest=digest,
        order_ref=order_ref,
        actor_id=actor.id,
        actor_name=actor.name,
        resubmission_of=resubmission_of,
    )
    submission.consumer = consumer
    try:
        with client.slot():
            before = _list_before(order_ref, client)
            if before is not None:
                submission.refs_before, submission.refs_before_whole = list(before.refs), before.is_whole
            with _nothing_is_sent_without_the_database():
                earlier = _written_before(submission, consumer, actor, accepted, normalised)
            if earlier is not None:
                return earlier
            release_database_connections()
            result = _send(submission, consumer, client)
    except CdpBusy:
        raise Busy("Too many calls are under way") from None
    stored = storing.store(submission, result, actor)
    contact.store_news()
    return stored


@contextmanager
def _nothing_is_sent_without_the_database() -> Iterator[None]:
    """Before a send every error of the database means the same, whatever its class.

    A full disk, a lock that is not given up, a trigger that refuses, a table that is gone.
    """
    try:
        yield
    except storing.DATABASE_LOST as error:
        logger.exception("create_not_written")
        raise NotWritten("The record before the send could not be written") from error


def _list_before(order_ref: str, client: CdpClient) -> ListedRefs | None:
    """Step 0: what is on the order already, so that a check can tell what is new.

    A failure, or a list that is not whole, costs the evidence, never the create.
    """
    if not settings.CDP_LOOK_UPS:
        return None
    release_database_connections()
    try:
        return client.observe_order_consumers(order_ref, within=SNAPSHOT_SECONDS)
    except CdpError:
        return None


def _written_before(
    submission: Submission,
    consumer: NewConsumer,
    actor: Actor,
    accepted: frozenset[str],
    normalised: frozenset[str],
) -> Submission | None:
    """Step 1, or the submission that this form led to meanwhile; raises where another one is in the way.

    Somebody else may be first, between the look and the write. Their submission may have ended since, and
    then nothing is in the way any more.
    """
    try:
        _write_before(submission, consumer, actor, accepted, normalised)
    except IntegrityError:
        earlier = _earlier_submission(submission.token, submission.content_digest, actor)
        if earlier is not None:
            return earlier
        submission.pk = None
        _write_before(submission, consumer, actor, accepted, normalised)
    return None


def _earlier_submission(token: uuid.UUID, digest: str, actor: Actor) -> Submission | None:
    """The submission that this very form and content led to; raises where another one is in the way."""
    same_token, identical = selectors.submissions_in_the_way(token, digest)
    if (
        same_token is not None
        and same_token.content_digest == digest
        and str(same_token.actor_id) == actor.id
    ):
        _record_blocked(same_token, "same_form_again", actor)
        return same_token
    if same_token is not None:
        _record_blocked(same_token, "form_used_for_another_entry", actor)
        raise TokenUsed(same_token)
    if identical is not None:
        _record_blocked(identical, "identical_one_is_open", actor)
        raise IdenticalOpen(identical)
    return None


def _record_blocked(submission: Submission, why: str, actor: Actor) -> None:
    with transaction.atomic():
        record(event_of(SUBMISSION_REPEAT_BLOCKED, submission, actor, why=why))


def _write_before(
    submission: Submission,
    consumer: NewConsumer,
    actor: Actor,
    accepted: frozenset[str],
    normalised: frozenset[str],
) -> None:
    """Step 1: the row says that something may happen before anything can.

    The look at what is on the order comes after the row, whose constraint keeps identical ones out from
    then on: one that was sent and created in between is seen, and no moment is left for another.
    """
    now = datetime.datetime.now(datetime.UTC)
    submission.submitted_at = now
    submission.deadline = now + datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT)
    with transaction.atomic(durable=True):
        submission.save(force_insert=True)
        concerns = find_concerns(submission.order_ref, consumer, besides=submission)
        if not {concern.key for concern in concerns} <= accepted:
            raise NotConfirmed(concerns)
        SubmissionDigest.objects.bulk_create(
            SubmissionDigest(submission=submission, kind=kind, digest=digest)
            for kind, digest in sorted(search_digests(consumer))
        )
        earlier = submission.resubmission_of
        record(
            event_of(
                CONSUMER_CREATE_REQUESTED,
                submission,
                actor,
                fields=sorted(consumer.to_json()),
                overridden=sorted({concern.code for concern in concerns}),
                normalised=sorted(normalised),
                resubmission_of=str(earlier.public_id) if earlier else "",
            )
        )


def _send(submission: Submission, consumer: NewConsumer, client: CdpClient) -> Result:
    """Step 2: no transaction, no database connection; one send."""
    started = time.monotonic()
    try:
        creation = client.create_order_consumer(submission.order_ref, consumer, deadline=submission.deadline)
    except CdpError as error:
        result = Result.of_error(error)
    else:
        result = Result.of_creation(creation, submission)
    return result.taking(round((time.monotonic() - started) * 1000))
