"""From unknown to known: a supervisor resolves and corrects, and what lost its process becomes unknown."""

from __future__ import annotations

import datetime
import hashlib
import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet

from apps.audit.events import WORD
from apps.audit.recording import record
from apps.consumers import schedule, selectors
from apps.consumers.audit_events import (
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_RESOLUTION_CORRECTED,
    CONSUMER_RESOLVED,
)
from apps.consumers.evidence import Evidence
from apps.consumers.models import OPEN_OUTCOMES, Outcome, PastResolution, SettledHow, SettleReason, Submission
from apps.consumers.recording import event_of
from apps.core.actor import Actor
from apps.core.connections import is_away
from apps.core.encryption import encrypt

logger = logging.getLogger(__name__)

# Seconds beyond the last moment at which an answer can come, for a write that waits for a lock.
MARGIN = 30.0


class NotSettled(Exception):
    """Nothing was changed."""


class NotUnknown(NotSettled):
    """The submission is not as the supervisor saw it: somebody else, or an answer, has resolved it."""


class ReferenceClaimed(NotSettled):
    """The consumer reference belongs to another submission."""


def settle(
    submission: Submission,
    *,
    outcome: Outcome,
    reason: SettleReason,
    note: str,
    actor: Actor,
    consumer_ref: str = "",
    evidence: Evidence | None = None,
) -> None:
    """Resolve an unknown submission as a supervisor says, or correct an earlier resolution.

    ``submission`` is as the supervisor saw it. ``outcome`` is created (with the consumer's reference) or not
    created. ``evidence``: what the portal read of that consumer; without it the resolution is not verified.
    The note stays encrypted on the row; the event carries the reason's code. An earlier resolution, or a
    doubted answer of the vendor, is kept as a ``PastResolution``. Raises ``NotUnknown`` and
    ``ReferenceClaimed``; then nothing was changed.
    """
    now = datetime.datetime.now(datetime.UTC)
    try:
        with transaction.atomic(durable=True):
            row = Submission.objects.select_for_update().get(pk=submission.pk)
            if not can_be_resolved(row) or version_of(row) != version_of(submission):
                raise NotUnknown("The submission is not as it was seen")
            if consumer_ref and selectors.submissions_with_reference(consumer_ref, besides=row):
                raise ReferenceClaimed("The reference belongs to another submission")
            if _replaces_an_outcome(row):
                _keep_past(row, now)
            Submission.objects.filter(pk=row.pk).update(
                **_read_columns(row, outcome, evidence),
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
            submission.refresh_from_db()
            _record_resolution(submission, row, actor)
    except IntegrityError:
        if not consumer_ref:
            raise
        raise ReferenceClaimed("The reference belongs to another settled submission") from None


def can_be_settled(submission: Submission) -> bool:
    """Whether a supervisor has to say which: unknown, contradicted by a later answer, or doubted."""
    return submission.outcome == Outcome.UNKNOWN or submission.contradicted or bool(submission.doubt_code)


def can_be_resolved(submission: Submission) -> bool:
    """Whether a supervisor may resolve it: it is unknown or doubted, or a resolution is to be corrected.

    Any other outcome that the vendor's own answer gave stays.
    """
    return can_be_settled(submission) or submission.is_resolved


def version_of(submission: Submission) -> str:
    """Which outcome somebody saw: another resolution, or a later answer, has another version.

    Empty where there is no outcome yet: unknown, or being sent.
    """
    since = submission.settled_at or submission.finished_at
    if submission.outcome in OPEN_OUTCOMES or since is None:
        return ""
    parts = (
        submission.outcome,
        submission.consumer_ref,
        submission.doubt_code,
        since.astimezone(datetime.UTC).isoformat(),
        submission.late_outcome,
        submission.late_consumer_ref,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _replaces_an_outcome(row: Submission) -> bool:
    """Whether a resolution of this row replaces another one, or a doubted answer of the vendor."""
    return row.is_resolved or bool(row.doubt_code)


def _keep_past(row: Submission, now: datetime.datetime) -> None:
    PastResolution.objects.create(
        submission=row,
        outcome=row.outcome,
        consumer_ref=row.consumer_ref,
        settled_how=row.settled_how,
        settled_at=row.settled_at or row.finished_at,  # type: ignore[misc]  # one of them is there: constraints
        settled_by_id=row.settled_by_id,
        settled_by_name=row.settled_by_name,
        settle_reason=row.settle_reason,
        settled_read_at=row.settled_read_at,
        encrypted_settle_note=row.encrypted_settle_note,
        encrypted_answer=row.encrypted_answer,
        replaced_at=now,
    )


def _read_columns(row: Submission, outcome: Outcome, evidence: Evidence | None) -> dict[str, Any]:
    """What was read of the consumer that is marked. What was read of another one does not stay."""
    if evidence is not None and evidence.consumer is not None:
        consumer, kept = evidence.consumer, Submission()
        kept.answer = consumer
        return {
            "settled_read_at": evidence.at,
            "encrypted_answer": kept.encrypted_answer,
            "consumer_href": consumer.href,
            "order_href": consumer.order_href,
            "guest_href": consumer.guest_href,
            "guest_ref": consumer.guest_ref,
        }
    if not row.is_resolved and outcome is not Outcome.CREATED:
        return {}  # what the vendor's own answer said, if there was one
    texts = ("encrypted_answer", "consumer_href", "order_href", "guest_href", "guest_ref")
    return {"settled_read_at": None, **dict.fromkeys(texts, "")}


def _record_resolution(submission: Submission, before: Submission, actor: Actor) -> None:
    verified = "verified" if submission.settled_read_at else "not_verified"
    facts = {
        "outcome": submission.outcome,
        "reason": submission.settle_reason,
        "verification": verified if submission.outcome == Outcome.CREATED else "",
    }
    if _replaces_an_outcome(before):
        told = WORD.fullmatch(before.consumer_ref) is not None  # an odd one is in the row alone
        facts |= {"previous_outcome": before.outcome, "previous_ref": before.consumer_ref if told else ""}
        record(event_of(CONSUMER_RESOLUTION_CORRECTED, submission, actor, **facts))
    else:
        record(event_of(CONSUMER_RESOLVED, submission, actor, **facts))


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
            record(event_of(CONSUMER_OUTCOME_UNKNOWN, submission, actor, error_code="process_lost"))
    return bool(changed)
