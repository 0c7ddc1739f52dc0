"""With a one-time link an administrator could act as another person: people are told, events name both."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client

from apps.accounts import services
from apps.accounts.models import PasswordLink, User
from apps.accounts.roles import ADMINISTRATOR, STAFF
from apps.accounts.selectors import LINK_NOTICE, USED_LINK_NOTICE
from tests.support.people import PASSWORD, TESTS, acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "nine lighthouses before seven"


@pytest.fixture
def ada() -> User:
    return make_person("ada", ADMINISTRATOR)


@pytest.fixture
def sam() -> User:
    sam = make_person("sam", STAFF)
    _sign_in(sam)
    return sam


def _sign_in(person: User, password: str = PASSWORD) -> str:
    """Sign in, and return the text of the page that follows."""
    answer = Client().post("/accounts/login/", {"login": person.username, "password": password}, follow=True)
    assert answer.context["user"].pk == person.pk
    return re.sub(r"<[^>]+>", "", answer.content.decode())


def _issue(person: User, issuer: User) -> str:
    _uid, token = services.issue_password_link(person_id=person.pk, actor=acting(issuer))
    return token


def _use(person: User, token: str) -> None:
    services.set_password_by_link(person_id=person.pk, token=token, password=NEW, actor=acting(person))


def test_takeover_with_a_link_is_told_to_its_person_and_to_the_other_administrators(
    ada: User, sam: User
) -> None:
    other = make_person("otto", ADMINISTRATOR)
    _sign_in(other)
    _use(sam, _issue(sam, ada))

    assert "Ada Person issued a link to set your password on " in _sign_in(sam, NEW)
    # Whoever used the link has signed in now. The person is told all the same.
    page = _sign_in(sam, NEW)
    assert "It was used on " in page
    assert "If that was not you, tell another administrator now." in page

    told = "1 link to set a password was issued: by Ada Person for Sam Person on "
    assert told in _sign_in(other)
    assert told in _sign_in(other), "A sign-in in the name of the other administrator must not use it up"
    assert "was issued" not in _sign_in(ada), "The issuer knows"


def test_use_of_a_link_names_who_issued_it(ada: User, sam: User) -> None:
    _use(sam, _issue(sam, ada))
    *_, event = events("person.password_set")
    assert (event.actor_name, event.details["issued_by"]) == ("Sam Person", "Ada Person")
    page = Client()
    page.force_login(ada)
    assert (
        "The password of sam was set with a link that Ada Person had issued"
        in page.get(f"/audit/{event.seq}/").content.decode()
    )


def test_unused_link_is_told_without_a_use(ada: User, sam: User) -> None:
    _issue(sam, ada)
    page = _sign_in(sam)
    assert "It has not been used. If you did not ask for it, tell another administrator." in page


@pytest.mark.sql("new")
def test_only_the_link_that_was_used_counts_as_used(ada: User, sam: User) -> None:
    _issue(sam, ada)
    _use(sam, _issue(sam, ada))
    assert [link.used_at is not None for link in PasswordLink.objects.order_by("pk")] == [False, True]


@pytest.mark.sql("new")
def test_refused_link_is_not_used(ada: User, sam: User) -> None:
    token = _issue(sam, ada)
    _issue(sam, ada)
    with pytest.raises(services.ActRefusedError):
        _use(sam, token)
    assert not PasswordLink.objects.filter(used_at__isnull=False).exists()


def test_person_is_told_for_two_weeks(ada: User, sam: User) -> None:
    _issue(sam, ada)
    issued = PasswordLink.objects.get().issued_at
    with time_machine.travel(issued + LINK_NOTICE - dt.timedelta(minutes=1), tick=False):
        assert "issued a link" in _sign_in(sam)
    with time_machine.travel(issued + LINK_NOTICE + dt.timedelta(minutes=1), tick=False):
        assert "issued a link" not in _sign_in(sam)


def test_used_link_is_told_to_a_person_who_was_away(ada: User, sam: User) -> None:
    _use(sam, _issue(sam, ada))
    used = PasswordLink.objects.get().used_at
    assert used is not None
    with time_machine.travel(used + USED_LINK_NOTICE - dt.timedelta(minutes=1), tick=False):
        assert "It was used on " in _sign_in(sam, NEW)
    with time_machine.travel(used + USED_LINK_NOTICE + dt.timedelta(minutes=1), tick=False):
        assert "issued a link" not in _sign_in(sam, NEW)


def test_link_for_an_unused_account_with_a_password_is_no_invitation(ada: User) -> None:
    nora = make_person("nora", STAFF)
    _use(nora, _issue(nora, ada))
    assert "It was used on " in _sign_in(nora, NEW)


def test_many_links_are_one_message(ada: User) -> None:
    other = make_person("otto", ADMINISTRATOR)
    for number in range(3):
        _issue(make_person(f"p{number}", STAFF), ada)
    page = _sign_in(other)
    assert "3 links to set a password were issued, the latest by Ada Person for P2 Person on " in page


def test_invitation_is_announced_to_nobody(ada: User) -> None:
    other = make_person("otto", ADMINISTRATOR)
    _sign_in(other)
    new = make_person("nora", STAFF, password="")
    _use(new, _issue(new, ada))
    assert "issued a link" not in _sign_in(new, NEW)
    assert "to set a password" not in _sign_in(other)


def test_link_of_a_command_is_announced(sam: User) -> None:
    services.issue_password_link(person_id=sam.pk, actor=TESTS)
    assert "system:tests issued a link to set your password" in _sign_in(sam)


def test_others_are_not_told(ada: User, sam: User) -> None:
    max_ = make_person("max", STAFF)
    _sign_in(max_)
    _issue(sam, ada)
    page = _sign_in(max_)
    assert "issued" not in page


def test_time_is_in_the_zone_of_the_person(ada: User) -> None:
    far = make_person("far", STAFF, time_zone="Pacific/Kiritimati")
    _sign_in(far)
    with time_machine.travel(dt.datetime(2026, 11, 28, 12, 30, tzinfo=dt.UTC), tick=False):
        _issue(far, ada)
        assert "on 29 November 2026, 02:30." in _sign_in(far)
