"""The contents of an export's record, and who may read it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.history.forms.export import values_of
from apps.history.models import Export
from tests.support.people import TESTS

pytestmark = pytest.mark.django_db

NOTE = "Asked for by their lawyer"


def test_unknown_parameters_are_neither_linked_nor_stored(as_supervisor: Client) -> None:
    query = "?period=all&outcome=created&who=jane.doe%40example.com"
    for page in ("history:submissions", "history:figures", "history:export"):
        links = as_supervisor.get(f"{reverse(page)}{query}").content.decode().split("<main", 1)[1]
        assert "jane.doe" not in links
    as_supervisor.post(f"{reverse('history:export')}{query}", values_of(None, time_zone="UTC"))
    export = Export.objects.get()
    assert export.selection["query"] == "period=all&outcome=created"
    assert "jane.doe" not in str(export.selection)


def test_note_is_encrypted_and_its_author_can_read_it_on_the_page(supervisor: User) -> None:
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    client = Client()
    client.force_login(User.objects.get(pk=supervisor.pk))
    values = values_of(None, time_zone="UTC") | {"show_last_name": "on", "reason": "other", "note": NOTE}
    answer = client.post(reverse("history:export"), values)
    assert answer.status_code == 303, answer.content
    assert NOTE in client.get(answer["Location"]).content.decode()
    export = Export.objects.get()
    assert NOTE.encode() not in export.encrypted_note
    other = Export()
    other.set_note("For Mrs Hollybrook")
    Export.objects.update(encrypted_note=other.encrypted_note)
    page = client.get(answer["Location"]).content.decode()
    assert "Hollybrook" not in page
    assert "This note does not belong to this export" in page
