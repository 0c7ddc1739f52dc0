"""Export rows in each state: prepared, running, ended."""

from __future__ import annotations

import datetime
from typing import Any

from apps.accounts.models import User
from apps.consumers.viewer import Viewer
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import Choice
from apps.history.models import Export, State
from apps.history.selection import Selection, SubmissionFilter
from tests.support.people import acting

PLAIN = Choice(
    format="csv",
    columns=("submitted_at", "person", "outcome", "order_ref"),
    time_zone="UTC",
    separator=",",
    byte_order_mark=True,
)


def everything(person: User, **asked: Any) -> Selection:
    """All submissions that match these filters, in the scope of everybody."""
    return Selection(SubmissionFilter(**asked), Viewer(str(person.pk), sees_all=True))


def prepared(person: User, choice: Choice = PLAIN, *, query: str = "", **asked: Any) -> Export:
    """An export that waits for its download."""
    selection = everything(person, **asked)
    rows = selection.submissions().count()
    return lifecycle.prepare(selection, choice, query=query, rows=rows, person=acting(person))


def stored(person: User, state: State, **columns: Any) -> Export:
    """A valid export in that state, stored without the steps before it."""
    now = datetime.datetime.now(datetime.UTC)
    facts: dict[str, Any] = {}
    if state != State.READY:
        facts["started_at"] = now
    if state in (State.RUNNING, State.DELIVERING):
        facts |= {"slot": 1, "beat_at": now}
    if state in (State.FINISHED, State.FAILED, State.CANCELLED):
        facts["finished_at"] = now
    if state == State.FINISHED:
        facts["sha256"] = "0" * 64
    if state == State.FAILED:
        facts["failure_code"] = "reader_gone"
    export = prepared(person)
    Export.objects.filter(pk=export.pk).update(state=state, **{**facts, **columns})
    export.refresh_from_db()
    return export
