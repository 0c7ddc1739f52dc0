"""From unknown to known: what nobody saw happen is found out later, and never guessed."""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.audit import actions
from apps.audit.services import record
from apps.consumers import schedule
from apps.consumers.events import event_of
from apps.consumers.models import Outcome, SettledHow, SettleReason, Submission
from apps.core.actor import Actor
from apps.core.connections import is_away
from apps.core.encryption import encrypt

logger = logging.getLogger(__name__)

# Unknown, or settled otherwise than a late answer says, or created by an answer that has to be checked.
SETTLEABLE = Q(outcome=Outcome.UNKNOWN) | Q(contradicted=True) | ~Q(doubt_code="")
# Seconds beyond the last moment at which an answer can come, for a write that waits for a lock.
MARGIN = 30.0


class NotSettled(Exception):
    """Nothing was changed."""


class NotUnknown(NotSettled):
    """The outcome is not unknown (any more): somebody settled it, or a late answer did."""


class ReferenceClaimed(NotSettled):
    """Another submission has been settled with this consumer reference."""


def settle(
    submission: Submission,
    *,
    outcome: Outcome,
    reason: SettleReason,
    note: str,
    actor: Actor,
    consumer_ref: str = "",
) -> None:
    """Write down what a supervisor found out about an unknown outcome, and why.

    ``outcome`` is created (with the consumer's reference) or not created. The note stays encrypted on the
    submission; the event carries the reason's code. Raises ``NotUnknown`` and ``ReferenceClaimed``.
    """
    now = datetime.datetime.now(datetime.UTC)
    try:
        with transaction.atomic(durable=True):
            changed = Submission.objects.filter(SETTLEABLE, pk=submission.pk).update(
                outcome=outcome,
                consumer_ref=consumer_ref,
                next_look_at=None,
                contradicted=False,
                doubt_code="",
                settled_how=SettledHow.BY_HAND,
                settled_at=now,
                settled_by_id=actor.id,
                settled_by_name=actor.name,
                settle_reason=reason,
                encrypted_settle_note=encrypt(note) if note else "",
            )
            if not changed:
                raise NotUnknown("The submission is not of unknown outcome")
            submission.refresh_from_db()
            record(
                event_of(
                    actions.CONSUMER_SETTLED, submission, actor, outcome=outcome.value, reason=reason.value
                )
            )
    except IntegrityError:
        if not consumer_ref:
            raise
        raise ReferenceClaimed("The reference belongs to another settled submission") from None


def can_be_settled(submission: Submission) -> bool:
    """Whether a supervisor may (still) say which."""
    return submission.outcome == Outcome.UNKNOWN or submission.contradicted or bool(submission.doubt_code)


def longest_send() -> datetime.timedelta:
    """How long after its deadline a submission may still be "being sent", a margin included."""
    return datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT + MARGIN)


def overdue(*, by: datetime.timedelta = datetime.timedelta()) -> QuerySet[Submission]:
    """What says "being sent" but cannot be any more, since so long at least."""
    too_late = datetime.datetime.now(datetime.UTC) - longest_send() - by
    return Submission.objects.filter(outcome=Outcome.SENDING, deadline__lt=too_late)


def mark_overdue_unknown(actor: Actor) -> int:
    """Turn submissions that say "being sent" but cannot be any more into unknown; return how many.

    No first byte is written after the deadline, and no answer is waited for longer than the total limit
    after it. Whatever still says "sending" a margin later has lost its process.
    """
    marked = 0
    for submission in overdue():
        try:
            marked += _mark_unknown(submission, actor)
        except DatabaseError as error:
            if is_away(error):
                raise
            # One row that the database refuses must not keep the others "being sent" for ever.
            logger.exception("overdue_not_marked %s", submission.public_id)
    return marked


def _mark_unknown(submission: Submission, actor: Actor) -> bool:
    now = datetime.datetime.now(datetime.UTC)
    with transaction.atomic(durable=True):
        changed = Submission.objects.filter(pk=submission.pk, outcome=Outcome.SENDING).update(
            outcome=Outcome.UNKNOWN,
            finished_at=now,
            next_look_at=schedule.first_look(now),
            error_code="process_lost",
        )
        if changed:
            record(event_of(actions.CONSUMER_OUTCOME_UNKNOWN, submission, actor, error_code="process_lost"))
    return bool(changed)
