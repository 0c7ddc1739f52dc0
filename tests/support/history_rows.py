"""Many submissions without consumers, and saved views, for lists and figures."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.history.models import SavedView
from tests.support.entries import resolved_by

_FACTS: dict[Outcome, dict[str, Any]] = {
    Outcome.REJECTED: {"error_code": "invalid", "http_status": 400},
    Outcome.NOT_SENT: {"error_code": "connect_refused"},
    Outcome.UNKNOWN: {"error_code": "read_timeout"},
}


def bare(person: User, outcome: Outcome, at: dt.datetime, **columns: Any) -> Submission:
    """An unsaved submission, ready for bulk insertion."""
    facts = dict(_FACTS.get(outcome, {}))
    if outcome == Outcome.CREATED:
        facts["consumer_ref"] = str(uuid.uuid4())
    if outcome == Outcome.NOT_CREATED:
        facts |= resolved_by(person)
    sound = {
        "token": uuid.uuid4(),
        "content_digest": uuid.uuid4().bytes * 2,
        "order_ref": str(uuid.uuid4()),
        "actor": person,
        "actor_name": person.name,
        "outcome": outcome,
        "submitted_at": at,
        "deadline": at + dt.timedelta(seconds=30),
        "finished_at": None if outcome == Outcome.SENDING else at,
    }
    return Submission(**{**sound, **facts, **columns})


def saved_view(person: User, **columns: Any) -> SavedView:
    """A view of this person, or with ``role`` one of a role, stored without the services."""
    owner = None if columns.get("role") else person
    return SavedView.objects.create(
        **{"name": "Rejected", "owner": owner, "query": {"outcome": ["rejected"]}, "columns": [], **columns}
    )


def stored(submissions: Iterable[Submission]) -> list[Submission]:
    """Replace all rows of the table with these."""
    Submission.objects.all().delete()
    return Submission.objects.bulk_create(submissions)
