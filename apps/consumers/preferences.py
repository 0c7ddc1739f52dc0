"""How a person uses the form: what they carry over to the next traveller of an order, and their shortcuts.

Preferences are a convenience and change no fact, so their changes are not recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers.models import EntryPreferences

CARRIED: Final = ("last_name", "nationality", "country", "phone_numbers", "emails")
"""The fields that may be carried over. The others belong to one person only, such as identifiers."""


def chosen_fields(person_id: int) -> frozenset[str]:
    """The names of the fields that the person carries over."""
    preferences = _preferences(person_id)
    return frozenset(name for name in CARRIED if getattr(preferences, name))


def choose_fields(person_id: int, names: Collection[str]) -> None:
    """Store what the person carries over."""
    columns: dict[str, Any] = {name: name in names for name in CARRIED}
    EntryPreferences.objects.update_or_create(pk=person_id, defaults=columns)


def carried(consumer: NewConsumer | OrderConsumer | None, names: Collection[str]) -> NewConsumer:
    """A consumer with only these fields of another one; an empty one if that was erased."""
    values = {name: getattr(consumer, name) for name in CARRIED if name in names} if consumer else {}
    return NewConsumer(**{"first_name": "", "last_name": "", **values})


def has_single_key_shortcuts(person_id: int) -> bool:
    """Whether a key without Ctrl, Alt or Meta is a shortcut for the person (WCAG 2.1.4)."""
    return _preferences(person_id).single_key_shortcuts


def set_single_key_shortcuts(person_id: int, *, on: bool) -> None:
    """Store whether a single key is a shortcut for the person."""
    EntryPreferences.objects.update_or_create(pk=person_id, defaults={"single_key_shortcuts": on})


def _preferences(person_id: int) -> EntryPreferences:
    return EntryPreferences.objects.filter(pk=person_id).first() or EntryPreferences()
