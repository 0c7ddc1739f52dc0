"""Access reports: their addresses, what they say, and events for them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.batches.audit_events import BATCH_DOWNLOADED
from apps.consumers import recording
from apps.consumers.audit_events import CONSUMER_OUTCOME_UNKNOWN
from apps.consumers.models import Submission
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import Progress
from apps.history.selection import Selection, SubmissionFilter
from apps.privacy import subjects
from apps.privacy.exports import Uncertainty
from apps.privacy.report import Report
from apps.privacy.verdicts import AccessVerdict
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.audit_flush import lift_triggers
from tests.support.entries import FULL
from tests.support.export_rows import PLAIN
from tests.support.people import acting

PAGE = reverse("privacy:access")
FILE = reverse("privacy:access_file")
PASSPORT = {"kind": "passport", "value": FULL.passport_number}


def of(made: Submission) -> Report:
    """The report about the person of a submission."""
    return Report(subjects.Subject({made.pk: Submission.objects.get(pk=made.pk)}))


def downloaded(client: Client, address: str) -> bytes:
    """The file that the address answers a POST with."""
    answer: Any = client.post(address)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def exported(by: User, asked: SubmissionFilter) -> Any:
    """An export with these filters that waits for its download."""
    selection = Selection(asked, Viewer(str(by.pk), sees_all=True))
    return lifecycle.prepare(selection, PLAIN, query="", rows=0, person=acting(by))


def export(by: User, end: Callable[[Any, Actor], object] | None, asked: dict[str, Any] | None = None) -> None:
    """Start an export with these filters, and end it with ``end``, such as :func:`finish`."""
    made = exported(by, SubmissionFilter(**(asked or {})))
    lifecycle.start(made, acting(by))
    if end is not None:
        end(made, acting(by))


def finish(made: Any, actor: Actor) -> None:
    """Store that the whole file of an export was sent."""
    assert lifecycle.finish(made, Progress(rows=1), "0" * 64, actor)


def verdicts(made: Submission) -> list[tuple[AccessVerdict, Uncertainty | None]]:
    """The verdict and the uncertainty of each line of the report, in its order."""
    return [(one.verdict, one.uncertainty) for one in of(made).lines()]


def change(made: Submission, person: User, **columns: Any) -> None:
    """Change columns of a submission, with an event about it."""
    Submission.objects.filter(pk=made.pk).update(**columns)
    with transaction.atomic():
        record(recording.event_of(CONSUMER_OUTCOME_UNKNOWN, made, acting(person)))


def altered(assignment: str, action: str) -> None:
    """Alter the events of an action in the database, past the triggers. ``assignment``: SQL."""
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {assignment} WHERE action = %s", [action])


def made_for(made: Submission, batch: uuid.UUID, row: int) -> None:
    """Let the submission be that of a row of a list of people."""
    Submission.objects.filter(pk=made.pk).update(batch=batch, batch_row=row)


def of_list(event_type: EventType, batch: uuid.UUID | str, by: User) -> int:
    """Record an event of a list of people as the pages of lists do, with its key in the index."""
    data: dict[str, Value] = {"batch": str(batch), "rows": 2}
    if event_type is BATCH_DOWNLOADED:
        data["sent"] = ["1-9"]
    event = Event(event_type, acting(by), order_ref=SAMPLE_ORDER, data=data)
    with transaction.atomic():
        seq = record(event)
        recording.index_keys(seq, [recording.key_of(recording.BATCH, batch)])
    return seq
