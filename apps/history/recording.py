"""The audit events of the figures."""

from __future__ import annotations

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.core.actor import Actor
from apps.history.audit_events import FIGURES_EXPORTED, FIGURES_VIEWED
from apps.history.selection import Selection


def record_figures_viewed(selection: Selection, *, count: int, actor: Actor) -> None:
    """Record that the figures of ``count`` submissions are shown. Call it before they are."""
    _record(FIGURES_VIEWED, selection, actor, count=count)


def record_figures_exported(selection: Selection, *, count: int, file_format: str, actor: Actor) -> None:
    """Record that the figures of ``count`` submissions are sent as a file. Call it before they are."""
    _record(FIGURES_EXPORTED, selection, actor, count=count, format=file_format)


def _record(event_type: EventType, selection: Selection, actor: Actor, **facts: Value) -> None:
    data: dict[str, Value] = {
        **facts,
        "filters": selection.asked.kinds(),
        "scope": selection.viewer.scope,
    }
    if selection.asked.search:
        data["search"] = str(selection.asked.search.public_id)
    with transaction.atomic():
        record(Event(event_type, actor, data=data))
