"""The reading of a phone number is shown to people who may enter consumers, and not stored."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from tests.support.people import make_person

pytestmark = pytest.mark.django_db

ADDRESS = "/consumers/phone-reading/"


def test_reading_of_each_number_is_shown(as_staff: Client) -> None:
    before = AuditEvent.objects.count()
    answer = as_staff.post(ADDRESS, {"number": "\u202a085 123 4567\u202c; 06 12 34 56 78"})
    assert answer.json() == {
        "readings": [
            {"text": "Ireland: +353851234567", "read": True},
            {
                "text": "06 12 34 56 78 is not a valid number in Ireland. Add the country code, such as +33.",
                "read": False,
            },
        ]
    }
    assert AuditEvent.objects.count() == before
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("typed", ["", " ", ";,", "\u200b"])
def test_empty_input_shows_no_reading(as_staff: Client, typed: str) -> None:
    assert as_staff.post(ADDRESS, {"number": typed}).json() == {"readings": []}
    assert as_staff.post(ADDRESS).json() == {"readings": []}


def test_numbers_are_not_in_addresses_and_other_roles_are_refused(client: Client) -> None:
    client.force_login(make_person("sam", "staff"))
    assert client.get(ADDRESS, {"number": "085 123 4567"}).status_code == 405
    client.force_login(make_person("ada", "administrator"))
    assert client.post(ADDRESS, {"number": "085 123 4567"}).status_code == 403


def test_very_long_text_is_read_only_in_part(as_staff: Client) -> None:
    assert len(as_staff.post(ADDRESS, {"number": "1;" * 100_000}).json()["readings"]) == 500
