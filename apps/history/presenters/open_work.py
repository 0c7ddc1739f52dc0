"""The open work of a person in this app: a count only."""

from __future__ import annotations

from django.utils.translation import ngettext

from apps.core.open_work import OpenWork
from apps.history.exports.services import running_exports


def open_work_of(person_id: int) -> list[OpenWork]:
    """Running exports."""
    running = running_exports(person_id)
    if not running:
        return []
    text = ngettext("%(n)s export is running", "%(n)s exports are running", running) % {"n": running}
    consequence = ngettext(
        "It is ended within a few seconds, and its file stays incomplete.",
        "They are ended within a few seconds, and their files stay incomplete.",
        running,
    )
    return [OpenWork(text, consequence)]
