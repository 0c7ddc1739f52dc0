"""Limits of the sign-in that stop password guessing and do not lock out an account's owner."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, STAFF
from apps.core import limits
from apps.core.models import LimitedAct
from tests.support.people import PASSWORD, TESTS, events, make_person

SIGN_IN = "/accounts/login/"
NEW = "the rain in a long walk"

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.fixture
def pat() -> User:
    return make_person("pat", STAFF)


def _try(client: Client, password: str = PASSWORD, username: str = "pat") -> HttpResponse:
    return client.post(SIGN_IN, {"login": username, "password": password})  # type: ignore[return-value]  # the client's class


def _at(number: int, *known: Client) -> Client:
    """A browser with its own address, and the known browser's cookie if one is given."""
    client = Client(REMOTE_ADDR=f"198.51.{number // 250}.{number % 250 + 1}")
    for other in known:
        client.cookies[project.KNOWN_DEVICE_COOKIE_NAME] = other.cookies[
            project.KNOWN_DEVICE_COOKIE_NAME
        ].value
    return client


def _known() -> Client:
    """Pat's own browser, signed out again."""
    client = Client(REMOTE_ADDR="192.0.2.1")
    assert _try(client).status_code == 302
    client.post("/accounts/logout/")
    return client


def _block() -> None:
    """Block pat's account. Only the last of the failures goes through the page."""
    User.objects.filter(username="pat").update(failed_sign_ins=services.BLOCK_AFTER - 1)
    assert _try(_at(0), "wrong").status_code == 200


def test_after_a_hundred_failures_only_known_browsers_can_sign_in(pat: User) -> None:
    own = _known()
    for number in range(services.BLOCK_AFTER):
        assert _try(_at(number), "wrong").status_code == 200
    refused = _try(_at(900))  # with the right password
    assert refused.status_code == 200
    assert "The user name or the password is incorrect" in refused.content.decode()
    assert _try(own).status_code == 302
    [blocked] = events("person.sign_in_blocked")
    assert (blocked.person, blocked.details) == (
        str(pat.pk),
        {"username": "pat", "sign_in_before": "open", "sign_in_after": "blocked"},
    )
    assert events("session.sign_in_failed")[-1].details["reason"] == "blocked"
    assert _try(_at(901)).status_code == 200  # a successful sign-in of the owner does not reset it


@pytest.mark.sql("new")
def test_blocked_account_looks_like_any_other_to_strangers(pat: User) -> None:
    _block()
    answers = {
        (answer.status_code, _plain(answer))
        for answer in (_try(_at(901)), _try(_at(902), "wrong"), _try(_at(903), username="nob"))
    }
    assert len(answers) == 1


def _plain(answer: HttpResponse) -> str:
    lines = answer.content.decode().replace('value="nob"', "").replace('value="pat"', "").splitlines()
    return "\n".join(line for line in lines if "csrf" not in line)


@pytest.mark.sql("new")
def test_administrator_sees_blocked_accounts_and_unlocks_them(pat: User) -> None:
    _block()
    ada = Client()
    ada.force_login(make_person("ada", ADMINISTRATOR))
    assert "sign-in blocked" in ada.get("/people/").content.decode()
    page = ada.get(f"/people/{pat.pk}/").content.decode()
    assert "Unlock sign-in</button>" in page
    address = reverse("accounts:unlock_sign_in", args=[pat.pk])
    assert ada.post(address).status_code == 302
    ada.post(address)  # nothing left to do
    [event] = events("person.sign_in_unlocked")
    assert (event.person, event.actor_name) == (str(pat.pk), "Ada Person")
    assert "Unlock sign-in" not in ada.get(f"/people/{pat.pk}/").content.decode()
    assert _try(_at(901)).status_code == 302


def test_unlocking_needs_permission_to_manage_people(pat: User, as_supervisor: Client) -> None:
    assert as_supervisor.post(reverse("accounts:unlock_sign_in", args=[pat.pk])).status_code == 403


def test_successful_sign_in_resets_the_count(pat: User) -> None:
    _try(_at(1), "wrong")
    _try(_at(2))
    pat.refresh_from_db()
    assert pat.failed_sign_ins == 0


def test_colleague_at_the_same_address_does_not_lock_out_a_known_browser(pat: User) -> None:
    own = _known()
    for number in range(30):  # beyond the limit of the account and of the address
        _try(Client(REMOTE_ADDR="192.0.2.1"), "wrong", username=("pat", f"name{number}")[number % 2])
    assert _try(Client(REMOTE_ADDR="192.0.2.1")).status_code == 429
    assert _try(own).status_code == 302


def test_known_browser_has_the_same_guessing_limit(pat: User) -> None:
    own = _known()
    answers = [_try(_at(number, own), "wrong").status_code for number in range(6)]
    assert answers == [200] * 5 + [429]


def _new_password(pat: User) -> None:
    services.set_password(person_id=pat.pk, password=NEW, actor=TESTS)


def _deactivated(pat: User) -> None:
    services.deactivate_person(person_id=pat.pk, actor=TESTS)
    services.reactivate_person(person_id=pat.pk, actor=TESTS)


@pytest.mark.parametrize("revoke", [_new_password, _deactivated])
def test_new_password_and_deactivation_make_known_browsers_unknown(
    pat: User, revoke: Callable[[User], None]
) -> None:
    own = _known()
    revoke(pat)
    _block()
    assert _try(own, NEW if revoke is _new_password else PASSWORD).status_code == 200


def test_browser_that_changed_the_password_stays_known(pat: User) -> None:
    own = Client(REMOTE_ADDR="192.0.2.1")
    _try(own)
    change = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    assert own.post("/accounts/password/", change).status_code == 302
    own.post("/accounts/logout/")
    _block()
    assert _try(own, NEW).status_code == 302


def test_browser_of_a_one_time_link_becomes_known(pat: User) -> None:
    uid, token = services.issue_password_link(person_id=pat.pk, actor=TESTS)
    own = Client(REMOTE_ADDR="192.0.2.1")
    moved = own.get(reverse("password_link", args=[uid, token]))
    own.post(moved["Location"], {"new_password": NEW, "new_password_again": NEW})
    _block()
    assert _try(own, NEW).status_code == 302


def test_known_browser_is_bound_to_its_accounts_and_its_cookie_cannot_be_forged(pat: User) -> None:
    make_person("kim", STAFF)
    kims = Client(REMOTE_ADDR="192.0.2.1")
    _try(kims, username="kim")
    kims.post("/accounts/logout/")
    _block()
    assert _try(kims).status_code == 200
    forged = _at(901)
    forged.cookies[project.KNOWN_DEVICE_COOKIE_NAME] = "eyJpZCI6IjEiLCJvZiI6e319:1a:b"
    assert _try(forged).status_code == 200


@pytest.mark.once
def test_cookie_of_a_known_browser_is_http_only_and_same_site(pat: User) -> None:
    cookie = _try(Client()).cookies[project.KNOWN_DEVICE_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert "pat" not in cookie.value


def test_two_people_at_one_computer_are_both_known(pat: User) -> None:
    make_person("kim", STAFF)
    shared = _known()
    _try(shared, username="kim")
    shared.post("/accounts/logout/")
    _block()
    assert _try(shared).status_code == 302


def test_ipv6_address_is_limited_by_its_network(pat: User) -> None:
    answers = [
        _try(Client(REMOTE_ADDR=f"2001:db8:1:2::{number:x}"), "wrong").status_code for number in range(1, 7)
    ]
    assert answers == [200] * 5 + [429]


@pytest.mark.sql("new")
def test_failure_limit_of_an_address_is_a_setting(settings: Settings) -> None:
    settings.SIGN_IN_ADDRESS_FAILURES = 3
    answers = [_try(Client(), "wrong", username=f"name{number}").status_code for number in range(4)]
    assert answers == [200] * 3 + [429]


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_thirty_people_of_one_office_can_sign_in_together() -> None:
    for number in range(30):
        make_person(f"p{number}", STAFF)
    begin, statuses = threading.Barrier(30), []

    def sign_in(number: int) -> None:
        begin.wait()
        try:
            statuses.append(_try(Client(REMOTE_ADDR="192.0.2.1"), username=f"p{number}").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign_in, args=[number]) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302] * 30


@pytest.mark.sql("new")
def test_typed_names_are_not_stored_as_plain_digests(pat: User) -> None:
    typed = "my-password-in-the-wrong-field"
    for name in (typed, "pat"):
        _try(Client(), "wrong", username=name)
    digests = {hashlib.sha256(name.encode()).hexdigest() for name in (typed, "pat")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key, value FROM portal_cache")
        stored = str(cursor.fetchall()) + str(list(LimitedAct.objects.values_list("key", flat=True)))
    assert LimitedAct.objects.exists()
    assert [digest for digest in digests if digest in stored] == []
    assert typed not in stored


@pytest.mark.sql("new")
def test_expired_records_are_deleted() -> None:
    limit = limits.Limit("test", max_acts=1, seconds=60)
    limits.Limit("test", max_acts=1, seconds=0).acquire("gone")
    limit.acquire("stays")
    cache.set("gone", 1, timeout=-5)
    cache.set("stays", 1, timeout=60)
    limits.delete_expired()
    assert LimitedAct.objects.count() == 1
    assert limit.is_reached("stays")
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM portal_cache")
        assert [key for (key,) in cursor.fetchall()] == [":1:stays"]
