"""Whether an event of a list of people (its page or its file) showed a submission: yes, or why it may have.

The event names the rows that were shown exactly as they were sent. Other rows may have been corrected without
an event: before they were sent, or after an outcome that proves that no consumer was created. A page shows
some of the rows, and also says whom those rows are like. A list that replaces this one may contain the row
again, and any list may contain a row that is like the submission.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from apps.audit.models import AuditEvent
from apps.batches.audit_events import BATCH_DOWNLOADED, BATCH_VIEWED
from apps.consumers.models import Submission
from apps.core.runs import read_runs
from apps.privacy.exports import Different, EventsOf, SubmissionRecord, Uncertainty, texts_in
from apps.privacy.subjects import Subject

SHOWING: Final = (BATCH_VIEWED.name, BATCH_DOWNLOADED.name)
"""The events of lists that can have shown the people of its rows."""
NAMES: Final = ("submissions", "consumers")
"""The keys of these events with those that rows are like, the others of the list."""


def uncertainty_about(
    event: AuditEvent, subject: Subject, records: Sequence[SubmissionRecord]
) -> Uncertainty | None:
    """None if one of the submissions was shown for certain; else why it may have been.

    ``event``: one of :data:`SHOWING`. ``records``: of the subject's submissions. Raises :class:`Different`
    if the event has nothing to do with the subject, and ``ValueError`` if it was altered so that it names no
    list.
    """
    batch = uuid.UUID(str(event.details.get("batch")))
    of_list = [one for one in records if one.submission.batch == batch]
    if not of_list:
        return _of_another_list(event, str(batch), subject)
    if any(one.is_altered for one in of_list):
        return Uncertainty.HISTORY_ALTERED
    sent = read_runs(texts_in(event.details.get("sent")))
    if any(_is_in(one, sent) and _is_as_sent(one, event.seq) for one in of_list):
        return None
    return Uncertainty.ROW_UNCERTAIN


def _of_another_list(event: AuditEvent, batch: str, subject: Subject) -> Uncertainty:
    """Why an event of a list that none of the submissions was made for may have shown the subject."""
    submissions, consumers = (texts_in(event.details.get(name)) for name in NAMES)
    if not subject.public_ids.isdisjoint(submissions) or subject.names_consumer(consumers):
        return Uncertainty.LIKE_A_ROW
    if batch in subject.later_batches:
        return Uncertainty.LATER_LIST
    if shows_more(event):
        return Uncertainty.MORE_SHOWN
    raise Different


def shows_more(event: AuditEvent) -> bool:
    """Whether the event shows more of what rows are like than it names. ``event``: one of :data:`SHOWING`."""
    others = event.details.get("others")
    named = sum(len(texts_in(event.details.get(name))) for name in NAMES)
    return isinstance(others, int) and others > named


def _is_in(record: SubmissionRecord, sent: Sequence[tuple[int, int]]) -> bool:
    """Whether the row of the submission is one of these, as runs of numbers."""
    row = record.submission.batch_row
    return row is not None and any(first <= row <= last for first, last in sent)


def _is_as_sent(record: SubmissionRecord, seq: int) -> bool:
    """Whether at this event the row had been sent as this submission, and not again since."""
    if not 0 < record.requested < seq:
        return False
    own = record.submission
    again = Submission.objects.filter(batch=own.batch, batch_row=own.batch_row, pk__gt=own.pk)
    later = [*again.defer("refs_before")]
    read = EventsOf(later)
    return not any(SubmissionRecord(one, record.is_genuine, read).requested < seq for one in later)
