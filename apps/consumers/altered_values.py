"""Encrypted values of submissions that were moved or altered in the database (decision 127)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from django.db.models import Max

from apps.audit.models import AuditEvent
from apps.consumers.audit_events import VALUE_DOES_NOT_BELONG
from apps.consumers.models import Submission
from apps.core import personal_data
from apps.core.personal_data import Problem

MAX_CHECKED: Final = 1000
"""Submissions that :func:`count_altered` decrypts at most: those with the newest events."""
_COLUMNS: Final = {
    "consumer": "encrypted_consumer",
    "answer": "encrypted_answer",
    "vendor_message": "encrypted_vendor_message",
    "resolution_note": "encrypted_resolution_note",
}


def altered_values(submission: Submission) -> list[str]:
    """The codes of its values that belong to another row or were altered, as events have them.

    A value whose key is missing is not among them.
    """
    return [
        code
        for code, column in _COLUMNS.items()
        if personal_data.problem_of(submission, column) is Problem.DOES_NOT_BELONG
    ]


def not_recorded(submission: Submission, found: list[str]) -> list[str]:
    """Those of ``found`` (:func:`altered_values`) without an event yet. A query only if there are any."""
    if not found:
        return []
    events = AuditEvent.objects.filter(submission=submission.public_id, action=VALUE_DOES_NOT_BELONG.name)
    # An event may have been altered too, so its data can have any form.
    recorded = [event.details.get("value") for event in events]
    return [code for code in found if code not in recorded]


def count_altered() -> tuple[int, bool]:
    """How many submissions with such an event still have an altered value, and whether all were checked.

    A value that was restored or erased does not count. If not all were checked, there may be more.
    """
    events = AuditEvent.objects.filter(action=VALUE_DOES_NOT_BELONG.name)
    named = events.order_by().values_list("submission").annotate(newest=Max("seq")).order_by("-newest")
    found = [*named.values_list("submission", flat=True)[: MAX_CHECKED + 1]]
    ids = [*_public_ids(found[:MAX_CHECKED])]
    rows = Submission.objects.filter(public_id__in=ids).only("public_id", *_COLUMNS.values())
    return sum(bool(altered_values(row)) for row in rows), len(found) <= MAX_CHECKED


def _public_ids(texts: list[str | None]) -> Iterator[uuid.UUID]:
    """The texts that are ids. A forged event may have any text."""
    for text in texts:
        try:
            yield uuid.UUID(text or "")
        except ValueError:
            continue
