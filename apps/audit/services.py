"""What is recorded when somebody reads the audit log."""

from __future__ import annotations

from django.db import transaction

from apps.audit.audit_events import AUDIT_EVENT_VIEWED, AUDIT_VIEWED
from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.selectors import LogFilter
from apps.core.actor import Actor


def record_log_viewed(asked: LogFilter, *, count: int, actor: Actor) -> None:
    """Record that a page of the log was read: by which filters, and how many events it showed.

    Call it before the page is shown. Raises the database's errors.
    """
    data: dict[str, Value] = {"filters": asked.kinds(), "count": count}
    with transaction.atomic():
        record(Event(AUDIT_VIEWED, actor, data=data))


def record_event_viewed(seq: int, *, actor: Actor) -> None:
    """Record that the event of this sequence was opened. Call it before the page is shown."""
    with transaction.atomic():
        record(Event(AUDIT_EVENT_VIEWED, actor, data={"event": seq}))
