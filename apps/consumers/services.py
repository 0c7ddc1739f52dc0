"""The main job: one create, written down before and after, sent at most once."""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction

from apps.audit import actions
from apps.audit.events import Event
from apps.audit.services import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer
from apps.cdp.errors import CdpError
from apps.consumers import selectors
from apps.consumers.concerns import Concern, find_concerns
from apps.consumers.digests import content_digest, search_digests
from apps.consumers.models import OPEN_OUTCOMES, Outcome, Submission, SubmissionDigest
from apps.consumers.results import Result
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

logger = logging.getLogger(__name__)


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


class OutcomeNotStored(Exception):
    """It was sent, and what came of it is known, but the database took no word of it.

    ``result`` is the truth for the person who waits; the log has its outcome and references as well.
    """

    def __init__(self, submission: Submission, result: Result) -> None:
        super().__init__("The outcome could not be stored")
        self.submission = submission
        self.result = result


def submit(
    *,
    order_ref: str,
    consumer: NewConsumer,
    token: uuid.UUID,
    actor: Actor,
    client: CdpClient,
    accepted: frozenset[str] = frozenset(),
    resubmission_of: Submission | None = None,
) -> Submission:
    """Create the consumer on the order, once, and return the submission with its outcome.

    The same token with the same content returns the submission that it led to. ``accepted`` holds the
    keys of the concerns that the person has seen and overridden.

    Raises ``TokenUsed``, ``IdenticalOpen`` or ``NotConfirmed`` when nothing is sent. Whatever the vendor
    answers, or does not, is an outcome and no exception. If the first transaction cannot be written the
    database's error is raised and nothing is sent; ``OutcomeNotStored`` when the last one cannot.
    """
    digest = content_digest(order_ref, consumer)
    for is_last_try in (False, True):
        earlier = _earlier_submission(token, digest, actor)
        if earlier is not None:
            return earlier
        submission = _new_submission(
            order_ref=order_ref,
            consumer=consumer,
            token=token,
            digest=digest,
            actor=actor,
            resubmission_of=resubmission_of,
        )
        try:
            _write_before(submission, consumer, actor, accepted)
            break
        except IntegrityError:
            # Somebody else was first, between the look and the write: look again. Their submission may have
            # ended meanwhile, and then nothing is in the way any more.
            if is_last_try:
                raise
    release_database_connections()
    result, duration_ms = _send(submission, consumer, client)
    return _store(submission, result, duration_ms, actor)


def _new_submission(
    *,
    order_ref: str,
    consumer: NewConsumer,
    token: uuid.UUID,
    digest: str,
    actor: Actor,
    resubmission_of: Submission | None,
) -> Submission:
    now = datetime.datetime.now(datetime.UTC)
    submission = Submission(
        token=token,
        content_digest=digest,
        order_ref=order_ref,
        actor_id=actor.id,
        actor_name=actor.name,
        submitted_at=now,
        deadline=now + datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT),
        resubmission_of=resubmission_of,
    )
    submission.consumer = consumer
    return submission


def _earlier_submission(token: uuid.UUID, digest: str, actor: Actor) -> Submission | None:
    """The submission that this very form and content led to; raises where another one is in the way."""
    same_token = selectors.submission_of_token(token)
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
    identical = selectors.open_submission_of_content(digest)
    if identical is not None:
        _record_blocked(identical, "identical_one_is_open", actor)
        raise IdenticalOpen(identical)
    return None


def _record_blocked(submission: Submission, why: str, actor: Actor) -> None:
    with transaction.atomic():
        record(event_of(actions.SUBMISSION_REPEAT_BLOCKED, submission, actor, why=why))


def _write_before(
    submission: Submission, consumer: NewConsumer, actor: Actor, accepted: frozenset[str]
) -> None:
    """Step 1: the row says that something may happen before anything can.

    The look at what is on the order comes after the row, whose constraint keeps identical ones out from
    then on: one that was sent and created in between is seen, and no moment is left for another.
    """
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
                actions.CONSUMER_CREATE_REQUESTED,
                submission,
                actor,
                fields=sorted(consumer.to_json()),
                overridden=sorted({concern.code for concern in concerns}),
                resubmission_of=str(earlier.public_id) if earlier else "",
            )
        )


def _send(submission: Submission, consumer: NewConsumer, client: CdpClient) -> tuple[Result, int]:
    """Step 2: no transaction, no database connection; one send. The duration is in milliseconds."""
    started = time.monotonic()
    try:
        creation = client.create_order_consumer(submission.order_ref, consumer, deadline=submission.deadline)
    except CdpError as error:
        result = Result.of_error(error)
    else:
        result = Result.of_creation(creation)
    return result, round((time.monotonic() - started) * 1000)


EVENT_OF_OUTCOME = {
    Outcome.CREATED: actions.CONSUMER_CREATED,
    Outcome.REJECTED: actions.CONSUMER_REJECTED,
    Outcome.NOT_SENT: actions.CONSUMER_NOT_SENT,
    Outcome.UNKNOWN: actions.CONSUMER_OUTCOME_UNKNOWN,
}


def _store(submission: Submission, result: Result, duration_ms: int, actor: Actor) -> Submission:
    """Step 3, twice if need be: a connection that was lost meanwhile must not cost the answer."""
    try:
        return _write_after(submission, result, duration_ms, actor)
    except (DatabaseError, InterfaceError):  # the second: a connection that is closed already
        release_database_connections()
    try:
        return _write_after(submission, result, duration_ms, actor)
    except (DatabaseError, InterfaceError) as error:
        facts = {
            "submission": str(submission.public_id),
            "outcome": result.outcome.value,
            **result.references,
        }
        logger.error("outcome_not_stored %s", facts, extra=facts)
        raise OutcomeNotStored(submission, result) from error


def _write_after(submission: Submission, result: Result, duration_ms: int, actor: Actor) -> Submission:
    """Step 3: compare-and-set. Only a submission that is still open takes the outcome.

    An answer that comes after a person has settled does not change the outcome; it is on record, and a
    reference in it is kept beside, so that nobody sends again what exists.
    """
    with transaction.atomic(durable=True):
        changed = Submission.objects.filter(pk=submission.pk, outcome__in=OPEN_OUTCOMES).update(
            outcome=result.outcome,
            finished_at=datetime.datetime.now(datetime.UTC),
            duration_ms=duration_ms,
            **{"error_code": "", **result.columns},
        )
        submission.refresh_from_db()
        if not changed and _is_stored_already(submission, result):
            return submission
        facts = {"http_status": result.columns["http_status"], "duration_ms": duration_ms}
        if changed:
            if result.outcome is not Outcome.CREATED:
                facts["error_code"] = result.columns["error_code"]
            record(event_of(EVENT_OF_OUTCOME[result.outcome], submission, actor, **facts))
        else:
            late_ref = result.references["consumer_ref"]
            Submission.objects.filter(pk=submission.pk).update(late_consumer_ref=late_ref)
            facts = {**facts, "answer_outcome": result.outcome.value}
            late = event_of(actions.CONSUMER_LATE_ANSWER, submission, actor, **facts)
            record(replace(late, consumer_ref=late_ref))
    return submission


def _is_stored_already(submission: Submission, result: Result) -> bool:
    """Whether the first try was committed although its confirmation was lost."""
    same = (submission.outcome, submission.consumer_ref) == (
        result.outcome,
        result.references["consumer_ref"],
    )
    return same and not submission.settled_how


def event_of(action: actions.Action, submission: Submission, actor: Actor, **data: Any) -> Event:
    """An event about a submission; what is not known is left out of its data."""
    return Event(
        action=action,
        actor=actor,
        submission=str(submission.public_id),
        order_ref=submission.order_ref,
        consumer_ref=submission.consumer_ref,
        guest_ref=submission.guest_ref,
        data={name: value for name, value in data.items() if value not in (None, "", [])},
    )


def record_viewed(submission: Submission, actor: Actor) -> None:
    """Write down that a person saw a submission's personal data."""
    with transaction.atomic():
        record(event_of(actions.SUBMISSION_VIEWED, submission, actor))


def record_listed(*, count: int, everybody: bool, actor: Actor) -> None:
    """Write down that a person saw a list of submissions with consumers' names."""
    scope = "everybody" if everybody else "own"
    with transaction.atomic():
        record(Event(action=actions.SUBMISSIONS_LISTED, actor=actor, data={"count": count, "scope": scope}))
