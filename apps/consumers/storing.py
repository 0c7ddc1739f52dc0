"""What came of a send goes into its row: by compare-and-set, twice if need be, through the spool at last."""

from __future__ import annotations

import datetime
import logging
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, transaction

from apps.audit.recording import record
from apps.consumers import schedule, selectors, spool
from apps.consumers.audit_events import (
    CONSUMER_CREATED,
    CONSUMER_LATE_ANSWER,
    CONSUMER_NOT_SENT,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_REJECTED,
)
from apps.consumers.models import OPEN_OUTCOMES, Doubt, Outcome, Submission
from apps.consumers.recording import event_of
from apps.consumers.results import Result
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.references import reference_key, same_reference

logger = logging.getLogger(__name__)

EVENT_OF_OUTCOME = {
    Outcome.CREATED: CONSUMER_CREATED,
    Outcome.REJECTED: CONSUMER_REJECTED,
    Outcome.NOT_SENT: CONSUMER_NOT_SENT,
    Outcome.UNKNOWN: CONSUMER_OUTCOME_UNKNOWN,
}
# The second: a connection that is closed already.
DATABASE_LOST = (DatabaseError, InterfaceError)


class OutcomeNotStored(Exception):
    """It was sent, and what came of it is known, but the database took no word of it.

    ``result`` is the truth for the person who waits. ``spooled``: the worker stores it later; otherwise the
    log alone has its outcome and references.
    """

    def __init__(self, submission: Submission, result: Result, *, spooled: bool) -> None:
        super().__init__("The outcome could not be stored")
        self.submission = submission
        self.result = result
        self.spooled = spooled


def store(submission: Submission, result: Result, actor: Actor) -> Submission:
    """The submission with its outcome, stored. Raises ``OutcomeNotStored``.

    Tried twice: a connection that was lost meanwhile must not cost the answer.
    """
    try:
        return write_after(submission, result, actor)
    except DATABASE_LOST:
        release_database_connections()
    try:
        return write_after(submission, result, actor)
    except Exception as error:  # whatever it is: what the vendor answered must not be lost with it
        facts = {
            "submission": str(submission.public_id),
            "outcome": result.outcome.value,
            **result.references,
        }
        spooled = spool.keep(submission.public_id, result)
        logger.exception("outcome_not_stored %s", facts, extra={**facts, "spooled": spooled})
        raise OutcomeNotStored(submission, result, spooled=spooled) from error


def write_after(submission: Submission, result: Result, actor: Actor) -> Submission:
    """Step 3: compare-and-set. Only a submission that is still open takes the outcome.

    That nobody knows is told once: a second "unknown", of a process that was given up and came back or of a
    spooled outcome that two workers read, changes nothing and starts no looks anew.
    An answer that comes after a person or a look-up has settled does not change the outcome; it is on record,
    and a reference in it is kept beside, so that nobody sends again what exists.
    """
    now = datetime.datetime.now(datetime.UTC)
    open_ = (Outcome.SENDING,) if result.outcome is Outcome.UNKNOWN else OPEN_OUTCOMES
    with transaction.atomic(durable=True):
        columns = {
            "error_code": "",
            **result.columns,
            "outcome": result.outcome,
            "finished_at": now,
            "next_look_at": schedule.first_look(now) if result.outcome is Outcome.UNKNOWN else None,
            "doubt_code": _doubt(submission, result),
        }
        changed = Submission.objects.filter(pk=submission.pk, outcome__in=open_).update(**columns)
        if changed:
            for name, value in columns.items():
                setattr(submission, name, value)
        else:
            # Locked: a supervisor may correct the resolution that the answer is compared with.
            submission.refresh_from_db(from_queryset=Submission.objects.select_for_update())
        if not changed and _is_stored_already(submission, result):
            return submission
        facts: dict[str, Any] = {name: result.columns.get(name) for name in ("http_status", "duration_ms")}
        if changed:
            if columns["doubt_code"] == Doubt.CLAIMED:
                _doubt_the_others(submission)
            if result.outcome is Outcome.CREATED:
                facts["doubt"] = columns["doubt_code"]
            else:
                facts["error_code"] = result.columns["error_code"]
            record(event_of(EVENT_OF_OUTCOME[result.outcome], submission, actor, **facts))
        elif result.outcome is not Outcome.UNKNOWN or facts["http_status"]:  # otherwise there was no answer
            _write_late(submission, result, actor, facts)
    return submission


def _doubt(submission: Submission, result: Result) -> str:
    """Why an answer that says "created" has to be checked; empty where nothing is odd about it."""
    doubt = str(result.columns.get("doubt_code", ""))
    reference = result.references["consumer_ref"]
    # Another owner of the reference goes first: then both submissions are doubted.
    may_be_claimed = reference and doubt in ("", Doubt.ANOTHER_DATA)
    if may_be_claimed and selectors.is_claimed(reference, besides=submission):
        return Doubt.CLAIMED
    return doubt


def _doubt_the_others(submission: Submission) -> None:
    """Doubt the other submissions that an answer created with the same reference.

    Whose consumer it is nobody knows: a supervisor must be able to free the reference on either side.
    """
    ref = submission.consumer_ref
    selectors.created_by_answer_with(ref, besides=submission).update(doubt_code=Doubt.CLAIMED)


def _write_late(submission: Submission, result: Result, actor: Actor, facts: dict[str, Any]) -> None:
    late_ref = result.references["consumer_ref"]
    contradicted = _contradicts(submission, result)
    Submission.objects.filter(pk=submission.pk).update(
        late_outcome=result.outcome,
        late_consumer_ref=late_ref,
        contradicted=contradicted or submission.contradicted,
    )
    facts = {**facts, "answer_outcome": result.outcome.value}
    late = event_of(CONSUMER_LATE_ANSWER, submission, actor, **facts)
    record(replace(late, consumer_ref=late_ref))


def _contradicts(submission: Submission, result: Result) -> bool:
    """Whether a late answer says otherwise than what was settled."""
    if result.outcome is Outcome.UNKNOWN:
        return False
    if result.outcome is Outcome.CREATED:
        return not same_reference(submission.consumer_ref, result.references["consumer_ref"])
    return submission.outcome == Outcome.CREATED


def drain_spool(actor: Actor) -> int:
    """Store what waits in the spool of this machine; returns how many outcomes were stored.

    Storing twice does no harm: a process that ends between the commit and the removal leaves a file whose
    outcome is stored already. Raises the database's errors; what was not stored stays in the spool.
    """
    stored = 0
    spool.finish_old()
    for kept in spool.waiting():
        submission = Submission.objects.filter(public_id=kept.submission).first()
        if submission is None:
            logger.error("spooled_outcome_of_unknown_submission %s", kept.submission)
            continue
        try:
            write_after(submission, kept.result, actor)
        except (IntegrityError, DataError) as error:
            # Not by waiting: somebody has to look at this file, and the others have their turn.
            logger.error("spooled_outcome_refused %s %s", kept.path.name, type(error).__name__)
            continue
        spool.remove(kept)
        stored += 1
    return stored


def _is_stored_already(submission: Submission, result: Result) -> bool:
    """Whether an earlier try was committed although its confirmation was lost."""
    if submission.settled_how:
        outcome, reference = submission.late_outcome, submission.late_consumer_ref
    else:
        outcome, reference = submission.outcome, submission.consumer_ref
    # Two empty ones agree: neither names a consumer.
    agrees = reference_key(reference) == reference_key(result.references["consumer_ref"])
    return outcome == result.outcome and agrees
