"""Store the outcome: compare-and-set, one retry, then the spool."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db import DataError, IntegrityError, transaction

from apps.audit.recording import record
from apps.consumers import selectors
from apps.consumers.audit_events import (
    CONSUMER_CREATED,
    CONSUMER_DOUBTED,
    CONSUMER_LATE_ANSWER,
    CONSUMER_NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_REJECTED,
)
from apps.consumers.models import OPEN_OUTCOMES, Doubt, Outcome, Submission
from apps.consumers.reconciliation import schedule
from apps.consumers.recording import event_of
from apps.consumers.sending import spool
from apps.consumers.sending.result import Result
from apps.core import clock
from apps.core.actor import Actor
from apps.core.bulk_writing import update_row
from apps.core.connections import DATABASE_ERRORS, release_database_connections, statements_prepared
from apps.core.locks import hold_reference
from apps.core.references import reference_key, same_reference

logger = logging.getLogger(__name__)

EVENT_OF_OUTCOME = {
    Outcome.CREATED: CONSUMER_CREATED,
    Outcome.REJECTED: CONSUMER_REJECTED,
    Outcome.NOT_SENT: CONSUMER_NOT_SENT,
    Outcome.UNKNOWN: CONSUMER_OUTCOME_UNKNOWN,
}


class OutcomeNotStored(Exception):
    """The outcome is known, but the database did not store it.

    ``result``: the true result, for the person who waits. ``spooled``: the worker will store it later;
    otherwise only the log has outcome and references.
    """

    def __init__(self, submission: Submission, result: Result, *, spooled: bool) -> None:
        super().__init__("The outcome could not be stored")
        self.submission = submission
        self.result = result
        self.spooled = spooled


def store(submission: Submission, result: Result, actor: Actor) -> Submission:
    """Store the outcome and return the submission. Raises ``OutcomeNotStored``.

    Tried twice, because the connection may have been lost during the call.
    """
    try:
        return store_outcome(submission, result, actor)
    except Exception:  # noqa: BLE001  # the second attempt reports it
        release_database_connections()
    try:
        return store_outcome(submission, result, actor)
    except Exception as error:  # any failure: the vendor's answer must not be lost
        facts = {
            "submission": str(submission.public_id),
            "outcome": result.outcome.value,
            "consumer_ref": result.consumer_ref,
            "guest_ref": result.guest_ref,
        }
        spooled = spool.write(submission.public_id, result)
        logger.exception("outcome_not_stored %s", facts, extra={**facts, "spooled": spooled})
        raise OutcomeNotStored(submission, result, spooled=spooled) from error


@statements_prepared()
def store_outcome(submission: Submission, result: Result, actor: Actor) -> Submission:
    """Step 3: store the outcome if the submission is still open (compare-and-set).

    A second "unknown" changes nothing: it comes from a process that was given up and returned, or from a
    spooled outcome that two workers read.
    An answer that arrives after a resolution does not change the outcome. It is recorded, and its reference
    is stored in a separate column, so that an existing consumer is not sent again.
    """
    now = clock.now()
    with transaction.atomic(durable=True):
        if not _store_if_open(submission, result, actor, now):
            # Lock the row: a supervisor may correct the resolution at the same time.
            submission.refresh_from_db(from_queryset=Submission.objects.select_for_update(no_key=True))
            has_answer = result.outcome is not Outcome.UNKNOWN or result.http_status
            if has_answer and not _is_stored_already(submission, result):
                _store_late_answer(submission, result, actor)
    return submission


def _store_if_open(submission: Submission, result: Result, actor: Actor, now: datetime.datetime) -> bool:
    """Store the outcome with its events, unless the submission has one. Return whether it was stored."""
    is_claimed = _is_claimed(submission, result)
    columns = {
        **result.columns(),
        "finished_at": now,
        "next_check_at": schedule.first_check(now) if result.outcome is Outcome.UNKNOWN else None,
        "doubt_code": _doubt(result, is_claimed=is_claimed),
    }
    open_ = (Outcome.SENDING,) if result.outcome is Outcome.UNKNOWN else OPEN_OUTCOMES
    if not update_row(submission, columns, if_column="outcome", is_in=open_):
        return False
    for name, value in columns.items():
        setattr(submission, name, value)
    doubted = _doubt_the_others(submission, result) if is_claimed else []
    is_created = result.outcome is Outcome.CREATED
    reason = {"doubt": submission.doubt_code} if is_created else {"error_code": result.error_code}
    record(event_of(EVENT_OF_OUTCOME[result.outcome], submission, actor, **_answer_facts(result), **reason))
    _record_doubts(doubted, submission, actor)
    return True


def _answer_facts(result: Result) -> dict[str, Any]:
    return {"http_status": result.http_status, "duration_ms": result.duration_ms}


def _is_claimed(submission: Submission, result: Result) -> bool:
    """Whether another submission has the result's reference. Holds the reference."""
    if not result.consumer_ref:
        return False
    hold_reference(result.consumer_ref)
    return selectors.is_claimed(result.consumer_ref, besides=submission)


def _doubt(result: Result, *, is_claimed: bool) -> str:
    """Why a supervisor has to check an answer "created"; empty if there is no doubt."""
    # A reference from before the send says more than one that two submissions have.
    return Doubt.CLAIMED if is_claimed and result.doubt_code != Doubt.KNOWN_BEFORE else result.doubt_code


def _doubt_the_others(submission: Submission, result: Result) -> list[Submission]:
    """Mark the other submissions that were created with the same reference as doubted, and return them.

    A supervisor has to decide whose consumer it is, and can correct either submission.
    """
    created = selectors.created_by_answer_with(result.consumer_ref, besides=submission)
    # Locked, so that a resolution made meanwhile is not doubted.
    others = list(created.defer("refs_before").order_by("pk").select_for_update(no_key=True))
    Submission.objects.filter(pk__in=[other.pk for other in others]).update(doubt_code=Doubt.CLAIMED)
    return others


def _record_doubts(doubted: Iterable[Submission], submission: Submission, actor: Actor) -> None:
    claim = {"doubt": Doubt.CLAIMED.value, "other": str(submission.public_id)}
    for other in doubted:
        record(event_of(CONSUMER_DOUBTED, other, actor, **claim))


def _store_late_answer(submission: Submission, result: Result, actor: Actor) -> None:
    late_ref = result.consumer_ref
    contradicted = _contradicts(submission, result)
    Submission.objects.filter(pk=submission.pk).update(
        late_outcome=result.outcome,
        late_consumer_ref=late_ref or submission.late_consumer_ref,  # a check may have found the consumer
        contradicted=contradicted or submission.contradicted,
    )
    facts = {**_answer_facts(result), "answer_outcome": result.outcome.value}
    late = event_of(CONSUMER_LATE_ANSWER, submission, actor, **facts)
    # The reference is held since it was tried to store the answer.
    doubted = _doubt_the_others(submission, result) if late_ref and contradicted else []
    record(replace(late, consumer_ref=late_ref))
    _record_doubts(doubted, submission, actor)


def _contradicts(submission: Submission, result: Result) -> bool:
    """Whether a late answer disagrees with the resolution."""
    if result.outcome is Outcome.UNKNOWN:
        return False
    if result.outcome is Outcome.CREATED:
        return not same_reference(submission.consumer_ref, result.consumer_ref)
    return submission.outcome == Outcome.CREATED


def drain_spool(actor: Actor) -> int:
    """Store the outcomes in this machine's spool. Return how many were stored.

    Storing an outcome twice changes nothing: a process that is killed between commit and removal leaves a
    file whose outcome is already stored. Raises database errors; outcomes that were not stored stay in the
    spool.
    """
    stored = 0
    spool.recover_unfinished()
    for spooled in spool.waiting():
        submission = Submission.objects.filter(public_id=spooled.submission).first()
        if submission is None:
            spool.log_problem("spooled_outcome_of_unknown_submission", spooled.path, spooled.submission)
            continue
        try:
            store_outcome(submission, spooled.result, actor)
        except Exception as error:
            if isinstance(error, DATABASE_ERRORS) and not isinstance(error, IntegrityError | DataError):
                raise
            # Waiting does not help: an administrator has to read this file. Go on with the others.
            spool.log_problem("spooled_outcome_refused", spooled.path, type(error).__name__)
            continue
        spool.remove(spooled)
        stored += 1
    return stored


def _is_stored_already(submission: Submission, result: Result) -> bool:
    """Whether an earlier attempt was committed although its confirmation was lost, or by another worker."""
    if not submission.resolved_how:
        return submission.outcome == result.outcome and _has_reference(submission.consumer_ref, result)
    # Beside an answer without a reference, the late reference is that of a check.
    agrees = not result.consumer_ref or _has_reference(submission.late_consumer_ref, result)
    if submission.late_outcome == result.outcome and agrees:
        return True
    # Stored before the resolution, which leaves these columns.
    stored = (submission.http_status, submission.error_code, submission.duration_ms)
    same = stored == (result.http_status, result.error_code, result.duration_ms)
    return same and result.duration_ms is not None


def _has_reference(reference: str, result: Result) -> bool:
    """Whether it is that of the result. Two empty ones agree."""
    return reference_key(reference) == reference_key(result.consumer_ref)
