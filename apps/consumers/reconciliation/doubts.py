"""Reasons to doubt that a consumer is the one that was sent."""

from __future__ import annotations

from enum import StrEnum

from apps.cdp.consumers import OrderConsumer
from apps.consumers.models import Outcome, ResolvedHow, Submission
from apps.consumers.reconciliation.findings import times_of_the_send
from apps.core.references import same_reference


class ConsumerDoubt(StrEnum):
    """Why a consumer may not be the one that was sent. Never stored."""

    ON_ORDER_BEFORE = "on_order_before"
    CREATED_BEFORE = "created_before"
    CREATED_AFTER = "created_after"
    CHECK_FOUND_ANOTHER = "check_found_another"
    ANSWER_NAMED_ANOTHER = "answer_named_another"


def doubts(submission: Submission, reference: str, consumer: OrderConsumer | None) -> list[ConsumerDoubt]:
    """The doubts about the consumer with this reference. ``consumer``: as it was read, if it was."""
    found = []
    if any(same_reference(reference, ref) for ref in submission.refs_before or []):
        found.append(ConsumerDoubt.ON_ORDER_BEFORE)
    elif consumer and consumer.created_at:
        first, last = times_of_the_send(submission)
        if consumer.created_at < first:
            found.append(ConsumerDoubt.CREATED_BEFORE)
        elif consumer.created_at > last:
            found.append(ConsumerDoubt.CREATED_AFTER)
    late = submission.late_consumer_ref
    if late and not same_reference(reference, late):
        by_check = submission.is_found_late
        found.append(ConsumerDoubt.CHECK_FOUND_ANOTHER if by_check else ConsumerDoubt.ANSWER_NAMED_ANOTHER)
    return found


def resolution_doubts(submission: Submission) -> list[ConsumerDoubt]:
    """The doubts about the consumer that a supervisor named; empty for any other outcome."""
    if submission.resolved_how != ResolvedHow.BY_SUPERVISOR or submission.outcome != Outcome.CREATED:
        return []
    # Lists of submissions defer ``refs_before``: it is loaded here, for the few that supervisors resolved.
    return doubts(submission, submission.consumer_ref, submission.answer)
