"""The main job: one create, written down before and after, sent at most once."""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit import actions
from apps.audit.events import Event
from apps.audit.services import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import Creation, NewConsumer
from apps.cdp.errors import CdpError
from apps.consumers import selectors
from apps.consumers.concerns import Concern, find_concerns
from apps.consumers.digests import content_digest, search_digests
from apps.consumers.models import OPEN_OUTCOMES, Outcome, Submission, SubmissionDigest
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.encryption import encrypt

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


@dataclass(frozen=True, slots=True)
class Result:
    """What the one send led to: the outcome and the columns that keep it."""

    outcome: Outcome
    columns: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_creation(cls, creation: Creation) -> Result:
        answer = creation.consumer
        kept = Submission()
        kept.answer = answer
        return cls(
            Outcome.CREATED,
            {
                "encrypted_answer": kept.encrypted_answer,
                "consumer_ref": answer.ref,
                "consumer_href": answer.href,
                "order_href": answer.order_href,
                "guest_href": answer.guest_href,
                "guest_ref": answer.guest_ref,
                "http_status": creation.http_status,
            },
        )

    @classmethod
    def of_error(cls, error: CdpError) -> Result:
        return cls(
            Outcome(error.outcome),
            {
                "http_status": error.http_status,
                "error_code": error.code,
                "error_field": error.field,
                "encrypted_vendor_message": encrypt(error.vendor_message) if error.vendor_message else "",
            },
        )


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
    database's error is raised and nothing is sent.
    """
    digest = content_digest(order_ref, consumer)
    earlier = _earlier_submission(token, digest, actor)
    if earlier is not None:
        return earlier
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
    try:
        _write_before(submission, consumer, actor, accepted)
    except IntegrityError:
        # Somebody else was first, between the look and the write: the database has decided.
        earlier = _earlier_submission(token, digest, actor)
        if earlier is None:
            raise
        return earlier
    release_database_connections()
    result, duration_ms = _send(submission, consumer, client)
    return _write_after(submission, result, duration_ms, actor)


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


def _write_after(submission: Submission, result: Result, duration_ms: int, actor: Actor) -> Submission:
    """Step 3: compare-and-set. Only a submission that is still open takes the outcome.

    An answer that comes after a person has settled changes nothing but is on record.
    """
    with transaction.atomic(durable=True):
        changed = Submission.objects.filter(pk=submission.pk, outcome__in=OPEN_OUTCOMES).update(
            outcome=result.outcome,
            finished_at=datetime.datetime.now(datetime.UTC),
            duration_ms=duration_ms,
            **{"error_code": "", **result.columns},
        )
        submission.refresh_from_db()
        facts = {"http_status": result.columns["http_status"], "duration_ms": duration_ms}
        if changed:
            if result.outcome is not Outcome.CREATED:
                facts["error_code"] = result.columns["error_code"]
            record(event_of(EVENT_OF_OUTCOME[result.outcome], submission, actor, **facts))
        else:
            facts = {**facts, "answer_outcome": result.outcome.value}
            late = event_of(actions.CONSUMER_LATE_ANSWER, submission, actor, **facts)
            record(replace(late, consumer_ref=result.columns.get("consumer_ref", "")))
    return submission


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
