"""What is typed into the forms about people comes back after the session has ended; passwords never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, STAFF, SUPERVISOR
from apps.core.web.sealed_entries import AUTHOR_FIELD
from tests.support.entries import text
from tests.support.people import PASSWORD, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NOTHING_DONE = "Your session had ended when you sent the form. What you typed is below. Send it again."


@pytest.fixture
def ada() -> User:
    return make_person("ada", ADMINISTRATOR)


def _returned(ada: User, path: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """The page after the form was sent without a session and its author has signed in again."""
    before, visitor = Client(), Client()
    before.force_login(ada)
    mark = str(before.get(path).context["entry_of"])
    assert f'name="{AUTHOR_FIELD}" value="{mark}"' in text(before.get(path))
    visitor.post(path, {AUTHOR_FIELD: mark, **values})
    visitor.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    page = text(visitor.get(path))
    assert NOTHING_DONE in page
    assert 'data-warn-before-leaving="unsaved"' in page
    assert NOTHING_DONE not in text(visitor.get(path))  # once
    return page


@pytest.mark.parametrize("action", [{}, {"action": "create"}])
def test_table_of_people_comes_back(ada: User, action: dict[str, str]) -> None:
    page = _returned(ada, reverse("accounts:invite"), {"table": "Ann Kept\tann\t\tStaff", **action})
    assert "Ann Kept" in page
    assert not User.objects.filter(username="ann").exists()


def test_new_person_comes_back_and_the_roles_are_asked_for_again(ada: User) -> None:
    values = {"username": "ann", "name": "Ann Kept", "email": "ann@example.com", "roles": [STAFF, SUPERVISOR]}
    page = _returned(ada, reverse("accounts:add_person"), values)
    assert all(value in page for value in ('value="ann"', "Ann Kept", "ann@example.com"))
    assert "Choose the roles again" in page
    assert " checked" not in page
    assert not User.objects.filter(username="ann").exists()


def test_details_of_a_person_come_back_with_what_was_shown(ada: User) -> None:
    pat = make_person("pat")
    values = {"name": "Pat Kept", "email": "", "shown-name": "Pat Person", "shown-email": "", "time_zone": ""}
    page = _returned(ada, reverse("accounts:person", args=[pat.pk]), values)
    assert 'name="shown-name" value="Pat Person"' in page
    assert 'value="Pat Kept"' in page
    assert User.objects.get(pk=pat.pk).name == "Pat Person"


def test_forms_for_a_password_have_no_author(ada: User, client: Client) -> None:
    client.force_login(ada)
    assert AUTHOR_FIELD not in text(client.get(reverse("own_password")))
