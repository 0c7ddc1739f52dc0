"""Record that the audit log was read."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from apps.audit.audit_events import AUDIT_EVENT_VIEWED, AUDIT_VIEWED
from apps.audit.events import MAX_NUMBER, Event, Value
from apps.audit.recording import record
from apps.audit.selectors import LogFilter
from apps.core.actor import Actor


def record_log_viewed(asked: LogFilter, shown: Sequence[int], *, actor: Actor) -> None:
    """Record that a page of the log was read, with its filters and the events shown (sequence numbers).

    Call before the page is shown. Raises the database's errors.
    """
    data: dict[str, Value] = {"filters": asked.recorded(found=bool(shown)), "count": len(shown)}
    numbers = list(filter(_is_number_of_portal, shown))
    if numbers:
        data |= {"first": min(numbers), "last": max(numbers)}
    with transaction.atomic():
        record(Event(AUDIT_VIEWED, actor, data=data))


def record_event_viewed(seq: int, *, actor: Actor) -> None:
    """Record that the event with this sequence number was opened. Call before the page is shown."""
    data: dict[str, Value] = {"event": seq} if _is_number_of_portal(seq) else {}
    with transaction.atomic():
        record(Event(AUDIT_EVENT_VIEWED, actor, data=data))


def _is_number_of_portal(seq: int) -> bool:
    """Whether the portal gives events such numbers. An event cannot name every other one."""
    return 0 < seq <= MAX_NUMBER
