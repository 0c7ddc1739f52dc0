"""Which fields a person carries over from one traveller of an order to the next; remembered per person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from apps.cdp.consumers import NewConsumer
from apps.consumers.models import CarryOver

CARRIED: Final = ("last_name", "nationality", "country", "phone_numbers", "emails")
"""The fields that may be carried over. The others belong to one person only, such as identifiers."""


def chosen_fields(person_id: int) -> frozenset[str]:
    """The names of the fields that the person carries over."""
    choice = CarryOver.objects.filter(pk=person_id).first() or CarryOver()
    return frozenset(name for name in CARRIED if getattr(choice, name))


def choose_fields(person_id: int, names: Collection[str]) -> None:
    """Store the person's choice. It is a convenience and changes no fact, so no event is recorded."""
    columns: dict[str, Any] = {name: name in names for name in CARRIED}
    CarryOver.objects.update_or_create(pk=person_id, defaults=columns)


def carried(consumer: NewConsumer | None, names: Collection[str]) -> NewConsumer:
    """A consumer with only these fields of another one; an empty one if that was erased."""
    values = {name: getattr(consumer, name) for name in CARRIED if name in names} if consumer else {}
    return NewConsumer(**{"first_name": "", "last_name": "", **values})
