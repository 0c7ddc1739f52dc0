"""The audit events of pages: the figures and the past exports."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.consumers.recording import SEARCH, index_keys, key_of
from apps.core.actor import Actor
from apps.core.references import RecordKind
from apps.history.audit_events import EXPORT_VIEWED, EXPORTS_LISTED, FIGURES_EXPORTED, FIGURES_VIEWED
from apps.history.models import Export
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
        "filters": selection.asked.recorded(found=bool(facts.get("count"))),
        "scope": selection.viewer.scope,
    }
    if selection.asked.search:
        data["search"] = str(selection.asked.search.public_id)
    named = {RecordKind.CONSUMER: selection.asked.consumer_ref, RecordKind.GUEST: selection.asked.guest_ref}
    keys = [key_of(kind, ref) for kind, ref in named.items() if ref and facts.get("count")]
    if search := data.get(SEARCH):
        keys.append(key_of(SEARCH, search))
    with transaction.atomic():
        index_keys(record(Event(event_type, actor, data=data)), keys)


def record_exports_listed(*, count: int, filters: Sequence[str], actor: Actor) -> None:
    """Record that ``count`` past exports are shown. ``filters``: the names of the filters. Call it before."""
    data: dict[str, Value] = {"count": count, **({"filters": filters} if filters else {})}
    with transaction.atomic():
        record(Event(EXPORTS_LISTED, actor, data=data))


def record_export_viewed(export: Export, *, with_note: bool, actor: Actor) -> None:
    """Record that another person's export is shown, and whether its note is. Call it before they are."""
    data: dict[str, Value] = {
        "export": str(export.public_id),
        "exporter": export.person_name,
        "note": "yes" if with_note else "no",
    }
    with transaction.atomic():
        record(Event(EXPORT_VIEWED, actor, person=str(export.person_id), data=data))
