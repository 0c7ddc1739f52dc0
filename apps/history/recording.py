"""The audit event of the figures page."""

from __future__ import annotations

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.core.actor import Actor
from apps.history.audit_events import FIGURES_VIEWED
from apps.history.selection import Selection


def record_figures_viewed(selection: Selection, *, count: int, actor: Actor) -> None:
    """Record that the figures of ``count`` submissions are shown. Call it before they are."""
    data: dict[str, Value] = {
        "filters": selection.asked.kinds(),
        "scope": selection.viewer.scope,
        "count": count,
    }
    if selection.asked.search:
        data["search"] = str(selection.asked.search.public_id)
    with transaction.atomic():
        record(Event(FIGURES_VIEWED, actor, data=data))
