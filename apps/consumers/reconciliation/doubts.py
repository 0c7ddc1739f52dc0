"""Reasons to doubt that a consumer is the one that was sent."""

from __future__ import annotations

from django.utils.translation import gettext

from apps.cdp.consumers import OrderConsumer
from apps.consumers.models import Outcome, ResolvedHow, Submission
from apps.consumers.reconciliation.findings import times_of_the_send
from apps.core.references import same_reference


def doubts(submission: Submission, reference: str, consumer: OrderConsumer | None) -> list[str]:
    """One sentence per doubt. ``consumer``: what was read at the reference, if it was read."""
    found = []
    if any(same_reference(reference, ref) for ref in submission.refs_before or []):
        found.append(gettext("This consumer was on the order before this submission was sent."))
    elif consumer and consumer.created_at:
        first, last = times_of_the_send(submission)
        if consumer.created_at < first:
            found.append(
                gettext(
                    "According to Sitecore CDP, this consumer was created before this submission was sent."
                )
            )
        elif consumer.created_at > last:
            found.append(
                gettext(
                    "According to Sitecore CDP, this consumer was created after this submission had ended."
                )
            )
    late = submission.late_consumer_ref
    if late and not same_reference(reference, late):
        text = (
            gettext("A check found another consumer: %(ref)s")
            if submission.is_found_late
            else gettext("Sitecore CDP's answer named another consumer: %(ref)s")
        )
        found.append(text % {"ref": late})
    return found


def resolution_doubts(submission: Submission) -> list[str]:
    """The doubts about the consumer that a supervisor named; empty for any other outcome."""
    if submission.resolved_how != ResolvedHow.BY_SUPERVISOR or submission.outcome != Outcome.CREATED:
        return []
    # Lists of submissions defer ``refs_before``: it is loaded here, for the few that supervisors resolved.
    return doubts(submission, submission.consumer_ref, submission.answer)
