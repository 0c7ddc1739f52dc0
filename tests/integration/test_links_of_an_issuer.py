"""The pages say which links to set a password end with the right of whoever issued them."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR
from apps.accounts.services import ActRefusedError, Refusal
from tests.support.entries import text
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import TESTS, acting, events, make_person
from tests.support.waiting import wait_for

pytestmark = pytest.mark.django_db

BEFORE = (
    "2 unused links to set a password that were issued with this account stop working."
    " 2 people need a new link."
)
AFTER = "2 unused links to set a password no longer work. 2 people need a new link."


@pytest.fixture
def ada() -> User:
    ada = make_person("ada", ADMINISTRATOR)
    for person in (make_person("pat", password=""), make_person("eva"), ada):
        services.issue_password_link(person_id=person.pk, actor=acting(ada))
    return ada


@pytest.fixture
def otto(client: Client) -> Client:
    client.force_login(make_person("otto", ADMINISTRATOR))
    return client


@pytest.mark.parametrize(
    ("page", "act", "args"),
    [
        ("accounts:deactivate", "accounts:deactivate", []),
        ("accounts:person", "accounts:revoke_role", [ADMINISTRATOR]),
        ("accounts:person", "accounts:sign_out_everywhere", []),
    ],
)
def test_page_says_how_many_people_need_a_new_link_before_and_after(
    otto: Client, ada: User, page: str, act: str, args: list[str]
) -> None:
    assert BEFORE in text(otto.get(reverse(page, args=[ada.pk])))
    assert AFTER in text(otto.post(reverse(act, args=[ada.pk, *args]), follow=True))


def test_own_page_says_it_too(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert BEFORE in text(client.get(reverse("own_profile")))
    assert AFTER in text(client.post(reverse("sign_out_elsewhere"), follow=True))


@pytest.mark.parametrize("page", ["accounts:person", "accounts:deactivate"])
def test_nothing_is_said_of_a_person_who_issued_none(otto: Client, page: str) -> None:
    person = make_person("max", ADMINISTRATOR)
    assert "issued with this account" not in text(otto.get(reverse(page, args=[person.pk])))


def test_request_of_a_session_that_was_ended_issues_no_link(ada: User) -> None:
    pat = User.objects.get(username="pat")
    began = replace(acting(ada), session=str(uuid.uuid4()))
    with pytest.raises(ActRefusedError) as refused:
        services.issue_password_link(person_id=pat.pk, actor=began)
    assert refused.value.refusal is Refusal.MAY_NOT_ISSUE
    assert len(events("person.password_link_issued")) == 3


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_link_that_is_being_issued_while_its_issuer_is_deactivated_is_refused() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a transaction of SQLite has the only lock from its start")
    make_person("otto", ADMINISTRATOR)
    ada, pat = make_person("ada", ADMINISTRATOR), make_person("pat")
    refused: list[Refusal] = []

    def issue() -> None:
        try:
            services.issue_password_link(person_id=pat.pk, actor=acting(ada))
        except ActRefusedError as error:
            refused.append(error.refusal)
        finally:
            connection.close()

    issuing = threading.Thread(target=issue)
    with transaction.atomic():
        services.deactivate_person(person_id=ada.pk, actor=TESTS)
        issuing.start()
        assert wait_for(is_a_transaction_waiting, 20)
    issuing.join(timeout=30)
    assert refused == [Refusal.MAY_NOT_ISSUE]
    assert events("person.password_link_issued") == []
