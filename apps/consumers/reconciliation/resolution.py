"""Resolve unknown submissions, correct resolutions, and find submissions whose process was lost."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet

from apps.audit.events import WORD
from apps.audit.recording import record
from apps.consumers import selectors
from apps.consumers.audit_events import (
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_RESOLUTION_CORRECTED,
    CONSUMER_RESOLVED,
)
from apps.consumers.audit_keys import PROCESS_LOST
from apps.consumers.models import (
    OPEN_OUTCOMES,
    Outcome,
    PastResolution,
    ResolutionReason,
    ResolvedHow,
    Submission,
    answer_columns,
)
from apps.consumers.reconciliation import schedule
from apps.consumers.reconciliation.evidence import Evidence
from apps.consumers.recording import event_of
from apps.core import clock, personal_data
from apps.core.actor import Actor
from apps.core.connections import is_database_unavailable
from apps.core.encryption import NotReadableError
from apps.core.locks import hold_reference

logger = logging.getLogger(__name__)

# Seconds after the last possible answer, for a write that waits for a lock.
MARGIN = 30.0
WORKER_DELAY = datetime.timedelta(minutes=1)
"""Time within which the worker marks a submission whose process was lost; it checks every few seconds."""


class NotResolved(Exception):
    """Nothing was changed."""


class NotUnknown(NotResolved):
    """The submission has changed since the supervisor saw it."""


class ReferenceClaimed(NotResolved):
    """The consumer reference belongs to another submission."""


def resolve(
    submission: Submission,
    *,
    outcome: Outcome,
    reason: ResolutionReason,
    note: str,
    actor: Actor,
    consumer_ref: str = "",
    evidence: Evidence | None = None,
) -> None:
    """Store a supervisor's resolution of an unknown submission, or the correction of an earlier resolution.

    ``submission``: as the supervisor saw it. ``outcome``: created, with the consumer's reference, or not
    created. ``evidence``: what the portal read of that consumer; without it the resolution is not verified.
    The note is stored encrypted; the event has only the code of the reason. An earlier resolution, or a
    doubted answer of the vendor, is stored as a ``PastResolution``.

    Raises ``NotUnknown`` and ``ReferenceClaimed``; then nothing was changed.
    """
    now = clock.now()
    try:
        with transaction.atomic(durable=True):
            if consumer_ref:
                hold_reference(consumer_ref)
            row = Submission.objects.select_for_update(no_key=True).get(pk=submission.pk)
            if not can_be_resolved(row) or version_of(row) != version_of(submission):
                raise NotUnknown("The submission is not as it was seen")
            if consumer_ref and selectors.submissions_with_reference(consumer_ref, besides=row):
                raise ReferenceClaimed("The reference belongs to another submission")
            if _replaces_an_outcome(row):
                _store_past_resolution(row, now)
            columns = {
                **_columns_of_consumer(row, outcome, evidence),
                **_columns_of_resolution(row, reason, note, actor, now),
                "outcome": outcome,
                "consumer_ref": consumer_ref,
            }
            Submission.objects.filter(pk=row.pk).update(**columns)
            submission.refresh_from_db()
            _record_resolution(submission, row, actor)
    except IntegrityError:
        if not consumer_ref:
            raise
        raise ReferenceClaimed("The reference belongs to another resolved submission") from None


def can_be_resolved(submission: Submission) -> bool:
    """Whether a supervisor may resolve it or correct its resolution.

    An outcome that the vendor's answer gave cannot be changed, unless it is doubted.
    """
    return submission.needs_resolution or submission.is_resolved


def version_of(submission: Submission) -> str:
    """A version of what a supervisor decides about.

    It changes with another resolution, with a late answer and, of an unknown submission, with the consumers
    that checks have found. Empty before there is any of these.
    """
    since = submission.resolved_at or submission.finished_at
    if submission.outcome in OPEN_OUTCOMES or since is None:
        found = (submission.matching_refs, submission.different_refs, submission.unread_refs)
        return _digest(json.dumps(found)) if any(found) else ""
    parts = (
        submission.outcome,
        submission.consumer_ref,
        submission.doubt_code,
        since.astimezone(datetime.UTC).isoformat(),
        submission.late_outcome,
        submission.late_consumer_ref,
    )
    return _digest("\n".join(parts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _replaces_an_outcome(row: Submission) -> bool:
    """Whether a resolution of this row replaces another one, or a doubted answer of the vendor."""
    return row.is_resolved or bool(row.doubt_code)


def _store_past_resolution(row: Submission, now: datetime.datetime) -> None:
    past = PastResolution(
        submission=row,
        outcome=row.outcome,
        consumer_ref=row.consumer_ref,
        resolved_how=row.resolved_how,
        resolved_at=row.resolved_at or row.finished_at,  # type: ignore[misc]  # one of them is there: constraints
        resolved_by_id=row.resolved_by_id,
        resolved_by_name=row.resolved_by_name,
        resolution_reason=row.resolution_reason,
        consumer_read_at=row.consumer_read_at,
        replaced_at=now,
    )
    for column in ("encrypted_resolution_note", "encrypted_answer"):
        try:
            value = personal_data.encrypted(past, column, personal_data.text(row, column))
        except NotReadableError:  # the copy is as unreadable as the original
            value = getattr(row, column)
        setattr(past, column, value)
    past.save(force_insert=True)


def _columns_of_resolution(
    row: Submission, reason: ResolutionReason, note: str, actor: Actor, now: datetime.datetime
) -> dict[str, Any]:
    """Who resolved it, when and why, and that nothing waits for a decision any more."""
    return {
        "next_check_at": None,
        "contradicted": False,
        "doubt_code": "",
        "resolved_how": ResolvedHow.BY_SUPERVISOR,
        "resolved_at": now,
        "resolved_by_id": actor.id,
        "resolved_by_name": actor.name,
        "resolution_reason": reason,
        "encrypted_resolution_note": personal_data.encrypted(row, "encrypted_resolution_note", note),
    }


def _columns_of_consumer(row: Submission, outcome: Outcome, evidence: Evidence | None) -> dict[str, Any]:
    """The columns of the consumer that was read; emptied if they belong to another consumer."""
    if evidence is not None and evidence.consumer is not None:
        return {**answer_columns(row, evidence.consumer), "consumer_read_at": evidence.at}
    if not row.is_resolved and outcome is not Outcome.CREATED:
        return {}  # the vendor's answer stays stored
    texts = ("consumer_href", "order_href", "guest_href", "guest_ref")
    return {"consumer_read_at": None, "encrypted_answer": b"", **dict.fromkeys(texts, "")}


def _record_resolution(submission: Submission, before: Submission, actor: Actor) -> None:
    verified = "verified" if submission.consumer_read_at else "not_verified"
    facts = {
        "previous_outcome": before.outcome,
        "outcome": submission.outcome,
        "reason": submission.resolution_reason,
        "verification": verified if submission.outcome == Outcome.CREATED else "",
    }
    if _replaces_an_outcome(before):
        refs = {"previous_ref": before.consumer_ref, "corrected_ref": submission.consumer_ref}
        # A reference that an event cannot carry is in the row only.
        facts |= {name: ref for name, ref in refs.items() if WORD.fullmatch(ref)}
        record(event_of(CONSUMER_RESOLUTION_CORRECTED, submission, actor, **facts))
    else:
        record(event_of(CONSUMER_RESOLVED, submission, actor, **facts))


def longest_send() -> datetime.timedelta:
    """How long after its deadline a submission can still be sending, margin included."""
    return datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT + MARGIN)


def stuck(*, by: datetime.timedelta = datetime.timedelta()) -> QuerySet[Submission]:
    """Submissions that are stored as sending but cannot be sending any more, since at least ``by``."""
    return Submission.objects.filter(outcome=Outcome.SENDING, deadline__lt=_lost_before(by))


def is_stuck_sending(submission: Submission) -> bool:
    """Whether its process was lost while sending, and the worker should have marked it as unknown by now."""
    return submission.outcome == Outcome.SENDING and submission.deadline < _lost_before(WORKER_DELAY)


def shown_outcome(submission: Submission) -> Outcome:
    """The outcome that pages state in words: unknown for a stuck send, otherwise ``known_outcome``."""
    return Outcome.UNKNOWN if is_stuck_sending(submission) else submission.known_outcome


def _lost_before(by: datetime.timedelta) -> datetime.datetime:
    """The latest deadline of sends that lost their process at least ``by`` ago."""
    return clock.now() - longest_send() - by


def mark_stuck_unknown(actor: Actor) -> int:
    """Mark submissions as unknown whose process was lost while sending. Return their number.

    The client writes no first byte after the deadline and waits for no answer longer than the total limit.
    A submission that is still sending a margin later has lost its process.
    """
    marked = 0
    for submission in stuck():
        try:
            marked += _mark_unknown(submission, actor)
        except DatabaseError as error:
            if is_database_unavailable(error):
                raise
            # A row that the database refuses must not stop the others.
            logger.exception("stuck_not_marked %s", submission.public_id)
    return marked


def _mark_unknown(submission: Submission, actor: Actor) -> bool:
    now = clock.now()
    with transaction.atomic(durable=True):
        changed = Submission.objects.filter(pk=submission.pk, outcome=Outcome.SENDING).update(
            outcome=Outcome.UNKNOWN,
            finished_at=now,
            next_check_at=schedule.first_check(now),
            error_code=PROCESS_LOST,
        )
        if changed:
            record(event_of(CONSUMER_OUTCOME_UNKNOWN, submission, actor, error_code=PROCESS_LOST))
    return bool(changed)
