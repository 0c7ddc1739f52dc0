"""Encrypted values of submissions that were moved or altered in the database (decision 127)."""

from __future__ import annotations

from typing import Final

from apps.audit.models import AuditEvent
from apps.consumers.audit_events import VALUE_DOES_NOT_BELONG
from apps.consumers.models import Submission
from apps.core import personal_data
from apps.core.personal_data import Problem

MAX_CHECKED: Final = 1000
"""Submissions that :func:`count_altered` decrypts at most."""
_COLUMNS: Final = {
    "consumer": "encrypted_consumer",
    "answer": "encrypted_answer",
    "vendor_message": "encrypted_vendor_message",
    "resolution_note": "encrypted_resolution_note",
}


def altered_values(submission: Submission) -> list[str]:
    """The codes of its values that do not belong to it, as events have them; a missing key is none."""
    return [
        code
        for code, column in _COLUMNS.items()
        if personal_data.problem_of(submission, column) is Problem.DOES_NOT_BELONG
    ]


def not_recorded(submission: Submission) -> list[str]:
    """Those of :func:`altered_values` of which there is no event yet. A query only if there are any."""
    found = altered_values(submission)
    if not found:
        return []
    events = AuditEvent.objects.filter(submission=submission.public_id, action=VALUE_DOES_NOT_BELONG.name)
    recorded = {event.details["value"] for event in events}
    return [code for code in found if code not in recorded]


def count_altered() -> int:
    """How many submissions with such an event still have such a value: neither restored nor erased."""
    events = AuditEvent.objects.filter(action=VALUE_DOES_NOT_BELONG.name)
    ids = [
        str(one) for one in events.order_by().values_list("submission", flat=True).distinct()[:MAX_CHECKED]
    ]
    rows = Submission.objects.filter(public_id__in=ids).only("public_id", *_COLUMNS.values())
    return sum(bool(altered_values(row)) for row in rows)
