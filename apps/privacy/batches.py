"""Whether a page or the file of a list of people showed a submission of the list: yes, or why it may have.

The file has all rows. A page has some of them, and its event does not say which. A row can be corrected until
it is sent, and again after an outcome that proves that no consumer exists.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from apps.audit.models import AuditEvent
from apps.batches.audit_events import BATCH_DOWNLOADED, BATCH_VIEWED
from apps.consumers.models import Submission
from apps.privacy.exports import Different, Doubt, History

SHOWING: Final = (BATCH_VIEWED.name, BATCH_DOWNLOADED.name)
"""The events of lists that can have shown the people of its rows."""


def doubt_about(event: AuditEvent, histories: Sequence[History]) -> Doubt | None:
    """None if one of the submissions was shown for certain; else why it may have been.

    ``event``: one of :data:`SHOWING`. Raises :class:`Different` if none of the submissions is of its list,
    and ``ValueError`` if the event was altered so that it names none.
    """
    batch = uuid.UUID(str(event.details.get("batch")))
    of_list = [one for one in histories if one.submission.batch == batch]
    if not of_list:
        raise Different
    if event.action == BATCH_VIEWED.name:
        return Doubt.PART_OF_LIST
    if any(one.is_altered for one in of_list):
        return Doubt.HISTORY_ALTERED
    if any(_is_as_sent(one, event.seq) for one in of_list):
        return None
    return Doubt.ROW_CORRECTED


def _is_as_sent(history: History, seq: int) -> bool:
    """Whether at this event the row had been sent as this submission, and not again since."""
    if not 0 < history.requested < seq:
        return False
    own = history.submission
    again = Submission.objects.filter(batch=own.batch, batch_row=own.batch_row, pk__gt=own.pk)
    return not any(History(one, history.is_genuine).requested < seq for one in again.defer("refs_before"))
