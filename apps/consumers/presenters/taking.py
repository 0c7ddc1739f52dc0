"""Who is resolving a submission, the notes on it, and what to resolve next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from apps.consumers import labels, selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import taking
from apps.consumers.viewer import Viewer
from apps.core import clock


@dataclass(frozen=True, slots=True)
class Note:
    """A note, or why it cannot be read."""

    author: str
    written_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Taking:
    """The part of a receipt about who resolves it.

    ``taken_by`` and the times are empty if nobody has it. ``holder``: the id of another person who has it.
    ``may_resolve``: the viewer may take it and see its notes. ``next_url``: the next unknown submission, of
    ``left``; empty if there is none, or not for the viewer.
    """

    needs_resolution: bool
    may_resolve: bool
    is_overdue: bool
    taken_by: str = ""
    taken_at: datetime | None = None
    lapses_at: datetime | None = None
    is_own: bool = False
    holder: str = ""
    notes: tuple[Note, ...] = ()
    next_url: str = ""
    left: int = 0


def taking_section(submission: Submission, viewer: Viewer) -> Taking:
    """Who resolves the submission, as the viewer sees it."""
    needs_resolution = submission.needs_resolution
    next_url, left = "", 0
    if viewer.may_resolve and (needs_resolution or submission.is_resolved):
        following, left = selectors.next_unknown(
            submission, viewer, taken_since=clock.now() - taking.lapses_after()
        )
        next_url = reverse("consumers:receipt", args=[following.public_id]) if following else ""
    is_taken = needs_resolution and taking.is_taken(submission)
    is_own = is_taken and str(submission.taken_by_id) == viewer.person_id
    return Taking(
        needs_resolution=needs_resolution,
        may_resolve=viewer.may_resolve,
        is_overdue=taking.is_overdue(submission),
        taken_by=submission.taken_by_name if is_taken else "",
        taken_at=submission.taken_at if is_taken else None,
        lapses_at=submission.taken_at + taking.lapses_after() if is_taken and submission.taken_at else None,
        is_own=is_own,
        holder=str(submission.taken_by_id) if is_taken and not is_own else "",
        notes=_notes(submission) if viewer.may_resolve and submission.outcome != Outcome.SENDING else (),
        next_url=next_url,
        left=left,
    )


def _notes(submission: Submission) -> tuple[Note, ...]:
    return tuple(
        Note(note.author_name, note.written_at, note.text or labels.unreadable_text(note, "encrypted_text"))
        for note in submission.notes.order_by("id")
    )
