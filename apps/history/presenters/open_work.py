"""The open work of a person in this app: a count only."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import ngettext

from apps.core.open_work import OpenWork
from apps.history.exports.access import running_exports, running_exports_beyond


def open_work_of(person_id: int) -> list[OpenWork]:
    """Running exports."""
    return _ended(running_exports(person_id))


def stopped_work_of(person_id: int, permissions: Collection[str]) -> list[OpenWork]:
    """Running exports that these permissions do not allow."""
    return _ended(running_exports_beyond(person_id, permissions))


def _ended(running: int) -> list[OpenWork]:
    if not running:
        return []
    text = ngettext("%(n)s export is running", "%(n)s exports are running", running) % {"n": running}
    consequence = ngettext(
        "It is ended within a few seconds, and its file stays incomplete.",
        "They are ended within a few seconds, and their files stay incomplete.",
        running,
    )
    return [OpenWork(text, consequence)]
