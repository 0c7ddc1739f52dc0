"""Store and read the order of columns that a person chose for rows without headers."""

from __future__ import annotations

from django.db import transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.audit_events import PASTE_COLUMNS_CHANGED
from apps.consumers.models import PasteColumns
from apps.core.actor import Actor


def remembered_columns(person_id: str, count: int) -> tuple[str, ...] | None:
    """The targets of a row with this number of columns, as the person last chose them; None if never."""
    found = PasteColumns.objects.filter(person_id=int(person_id), column_count=count).first()
    return None if found is None else tuple(map(str, found.targets))


@transaction.atomic
def remember_columns(targets: tuple[str, ...], *, actor: Actor) -> None:
    """Store the targets for rows with this number of columns. No effect if they are the stored ones."""
    if remembered_columns(actor.id, len(targets)) == targets:
        return
    PasteColumns.objects.update_or_create(
        person_id=int(actor.id), column_count=len(targets), defaults={"targets": list(targets)}
    )
    record(Event(PASTE_COLUMNS_CHANGED, actor, data={"count": len(targets)}))
