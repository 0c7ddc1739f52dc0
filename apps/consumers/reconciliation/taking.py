"""Supervisors take submissions that are to be resolved, release them, and write notes on them.

Taking says who is at work. It prevents nothing: whoever may resolve may resolve a taken submission.
"""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_NOTE_ADDED, SUBMISSION_RELEASED, SUBMISSION_TAKEN
from apps.consumers.models import Outcome, Submission, SubmissionNote
from apps.consumers.recording import event_of
from apps.consumers.selectors import NEEDS_RESOLUTION
from apps.core import clock, personal_data
from apps.core.actor import Actor

MAX_NOTES = 50
"""Maximum number of notes on a submission. Its receipt shows all of them."""


class TooManyNotes(Exception):
    """The submission has :data:`MAX_NOTES` notes. Nothing was stored."""


class TakenByAnother(Exception):
    """Somebody else has it, or it needs no resolution any more. Nothing was changed."""


def lapses_after() -> datetime.timedelta:
    """How long a submission stays taken."""
    return datetime.timedelta(minutes=settings.TAKEN_LAPSES_AFTER_MINUTES)


def is_taken(submission: Submission) -> bool:
    """Whether a supervisor has taken it and that has not lapsed."""
    return submission.taken_at is not None and clock.now() - submission.taken_at < lapses_after()


def taken_by(person_id: int) -> QuerySet[Submission]:
    """The submissions to be resolved that this person has taken, without those whose taking has lapsed."""
    current = Q(taken_by=person_id, taken_at__gt=clock.now() - lapses_after())
    return Submission.objects.filter(NEEDS_RESOLUTION, current)


def is_overdue(submission: Submission) -> bool:
    """Whether it is unknown, and was submitted longer ago than the organisation accepts."""
    return submission.known_outcome == Outcome.UNKNOWN and submission.submitted_at < overdue_before()


def overdue_before() -> datetime.datetime:
    """An unknown submission from before this time is overdue."""
    return clock.now() - datetime.timedelta(hours=settings.UNKNOWN_OVERDUE_AFTER_HOURS)


def take(submission: Submission, *, actor: Actor, over_from: str = "") -> None:
    """Take a submission that nobody has, or renew one's own. Nothing is recorded for a renewal.

    ``over_from``: the id of the person that it is knowingly taken over from. Raises ``TakenByAnother`` if
    another person has it by now, or it needs no resolution any more.
    """
    now = clock.now()
    free = Q(taken_at__isnull=True) | Q(taken_at__lte=now - lapses_after()) | Q(taken_by_id=actor.id)
    if over_from:
        free |= Q(taken_by_id=over_from)
    with transaction.atomic():
        stored = Submission.objects.select_for_update(no_key=True).filter(pk=submission.pk)
        row = stored.filter(free, NEEDS_RESOLUTION).first()
        if row is None:
            raise TakenByAnother("taken by another person, or resolved")
        was_taken, holder, name = is_taken(row), str(row.taken_by_id), row.taken_by_name
        Submission.objects.filter(pk=row.pk).update(
            taken_by_id=actor.id, taken_by_name=actor.name, taken_at=now
        )
        if not was_taken or holder != actor.id:
            change = {"taken_from": name if was_taken else "", "taken_by": actor.name}
            record(event_of(SUBMISSION_TAKEN, submission, actor, **change))


def release(submission: Submission, *, actor: Actor) -> None:
    """Release a submission that the actor has taken; does nothing if they have not."""
    with transaction.atomic():
        released = Submission.objects.filter(Q(taken_by_id=actor.id), pk=submission.pk).update(
            taken_by=None, taken_by_name="", taken_at=None
        )
        if released:
            record(event_of(SUBMISSION_RELEASED, submission, actor))


def add_note(submission: Submission, text: str, *, actor: Actor) -> None:
    """Store a note. Its event has no text. Raises :class:`TooManyNotes`.

    Notes that are stored at the same moment may exceed :data:`MAX_NOTES`.
    """
    if submission.notes.count() >= MAX_NOTES:
        raise TooManyNotes("the submission has the most notes that it can have")
    note = SubmissionNote(
        submission=submission, author_id=actor.id, author_name=actor.name, written_at=clock.now()
    )
    note.encrypted_text = personal_data.encrypted(note, "encrypted_text", text)
    with transaction.atomic():
        note.save(force_insert=True)
        record(event_of(SUBMISSION_NOTE_ADDED, submission, actor))
