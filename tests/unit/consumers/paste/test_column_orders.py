"""The stored order of columns: one for each person and number of columns, with an event for each change."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.consumers.paste.column_orders import remember_columns, remembered_columns
from apps.core.actor import Actor
from tests.support.people import events

pytestmark = pytest.mark.django_db


def _actor(person: User) -> Actor:
    return Actor(id=str(person.pk), name=person.name)


def test_last_order_is_stored_for_each_person_and_number_of_columns(staff: User, supervisor: User) -> None:
    remember_columns(("first_name", "last_name"), actor=_actor(staff))
    remember_columns(("last_name", "first_name"), actor=_actor(staff))
    remember_columns(("emails", "", "title"), actor=_actor(staff))
    assert remembered_columns(str(staff.pk), 2) == ("last_name", "first_name")
    assert remembered_columns(str(staff.pk), 3) == ("emails", "", "title")
    assert remembered_columns(str(staff.pk), 4) is None
    assert remembered_columns(str(supervisor.pk), 2) is None
    assert [event.details for event in events("paste_columns.changed")] == [
        {"count": 2},
        {"count": 2},
        {"count": 3},
    ]


def test_same_order_again_changes_nothing(staff: User) -> None:
    for _ in range(2):
        remember_columns(("first_name", "last_name"), actor=_actor(staff))
    assert len(events("paste_columns.changed")) == 1
