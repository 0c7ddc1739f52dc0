"""Sessions of a person: their list, and ending them everywhere."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts import services
from apps.accounts.models import PasswordLink, Session, User
from apps.accounts.presenters import browser_label
from apps.accounts.roles import ADMINISTRATOR, STAFF, SUPERVISOR
from apps.accounts.selectors import open_sessions
from apps.accounts.sign_in import sessions
from apps.accounts.sign_in.session_store import SIGNED_IN_AT
from apps.accounts.views import sign_in as views
from tests.support.entries import text
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import PASSWORD, TESTS, acting, events, make_person
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
PROFILE = "/accounts/profile/"


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    cache.clear()


@pytest.fixture
def ada() -> User:
    return make_person("ada", ADMINISTRATOR)


@pytest.fixture
def pat() -> User:
    return make_person("pat", STAFF)


def _signed_in(person: User, *, agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    answer = client.post("/accounts/login/", {"login": person.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def _is_in(client: Client) -> bool:
    return client.get(PROFILE).status_code == 200


def test_own_page_lists_ones_sessions_and_names_this_one(pat: User) -> None:
    here = _signed_in(pat)
    _signed_in(pat, agent=EDGE, address="203.0.113.9")
    _signed_in(make_person("max"), address="198.51.100.1")
    page = text(here.get(PROFILE))
    for words in ("Firefox on Linux", "192.0.2.7", "Edge on Windows", "203.0.113.9"):
        assert words in page
    assert page.count("This session") == 1
    assert "198.51.100.1" not in page


@pytest.mark.sql("new")
def test_own_page_shows_the_last_ten_sign_ins_of_this_person_newest_first(pat: User) -> None:
    _signed_in(pat, agent=EDGE, address="203.0.113.9")  # the eleventh, as one signs in below
    for number in range(9):
        _signed_in(pat, address=f"192.0.2.{number + 10}").post("/accounts/logout/")
    other = _signed_in(make_person("max"), address="198.51.100.1")
    page = text(_signed_in(pat, agent=EDGE, address="203.0.113.77").get(PROFILE))
    recent = page[page.index("Recent sign-ins") :]
    shown = re.findall(r'class="mono">([^<]+)<', recent)
    assert shown == ["203.0.113.77", *(f"192.0.2.{number + 10}" for number in reversed(range(9)))]
    assert (recent.count("Edge on Windows"), recent.count("Firefox on Linux")) == (1, 9)
    only = text(other.get(PROFILE))
    assert re.findall(r'class="mono">([^<]+)<', only[only.index("Recent sign-ins") :]) == ["198.51.100.1"]


@pytest.mark.sql("new")
def test_session_has_the_id_of_its_events_and_its_key_is_on_no_page(ada: User, pat: User) -> None:
    _signed_in(pat)
    [row] = Session.objects.filter(person=pat)
    assert str(row.sign_in) == events("session.signed_in")[-1].session
    page = text(_signed_in(ada).get(f"/people/{pat.pk}/"))
    assert "Firefox on Linux" in page
    assert row.session_key not in page
    assert str(row.sign_in) not in page


@pytest.mark.parametrize(
    "agent",
    ["", "<script>alert(1)</script>", "\x00\x1b[2J", "x" * 5_000, "\u202e\udcff", "%s %(count)s {0}"],
)
def test_whatever_a_browser_calls_itself_is_stored_and_shown_as_text(pat: User, agent: str) -> None:
    client = _signed_in(pat, agent=agent)
    answer = client.get(PROFILE)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert len(Session.objects.get(person=pat).user_agent) <= 200


@pytest.mark.sql("new")
def test_last_use_and_address_follow_the_session_at_most_once_a_minute(pat: User) -> None:
    begin = dt.datetime.now(dt.UTC)
    client = _signed_in(pat)
    client.get(PROFILE)
    first = Session.objects.get(person=pat).last_used_at
    with time_machine.travel(begin + dt.timedelta(seconds=30), tick=False):
        client.get(PROFILE, REMOTE_ADDR="198.51.100.7")
    assert Session.objects.get(person=pat).last_used_at == first
    with time_machine.travel(begin + dt.timedelta(minutes=5), tick=False):
        client.get(PROFILE, REMOTE_ADDR="198.51.100.7")
    row = Session.objects.get(person=pat)
    assert row.last_used_at is not None
    assert first is not None
    assert row.last_used_at - first > dt.timedelta(minutes=4)
    assert row.client_address == "198.51.100.7"  # seen although the sign-in was from elsewhere


def test_sessions_name_the_backend_that_earlier_and_other_versions_know(pat: User) -> None:
    """Otherwise an update signs everybody out, and two versions refuse each other's sessions."""
    client = _signed_in(pat)
    assert client.session[BACKEND_SESSION_KEY] == "allauth.account.auth_backends.AuthenticationBackend"
    assert _is_in(client)


@pytest.mark.sql("new")
def test_person_of_a_session_is_read_with_sql_made_once(pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _signed_in(pat)
    with monkeypatch.context() as patch:
        patch.setattr(BaseUserManager, "get", Mock(side_effect=AssertionError("made again")))
        assert _is_in(client)
    assert User.objects.get(pk=pat.pk) == User.objects.get(pk=str(pat.pk)) == User.objects.get(username="pat")
    for wrong in ({"pk": pat.pk, "username": "sam"}, {"pk": pat.pk + 1}, {"pk": None}):
        with pytest.raises(User.DoesNotExist):
            User.objects.get(**wrong)
    with pytest.raises(User.DoesNotExist):  # the people of a role, of which they are none
        Group.objects.get(name=ADMINISTRATOR).user_set.get(pk=pat.pk)
    assert User.objects.using("default").get(pk=pat.pk) == pat
    assert User.objects.db_manager("default").get(pk=pat.pk) == pat


def test_request_within_the_minute_writes_nothing(
    pat: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = _signed_in(pat)
    client.get(PROFILE)
    with django_assert_num_queries(3) as queries:
        client.get("/accounts/password/")
    assert [one["sql"] for one in queries.captured_queries if one["sql"].startswith(("UPD", "INS"))] == []


def test_ended_sessions_are_not_listed(pat: User) -> None:
    begin = dt.datetime.now(dt.UTC)
    _signed_in(pat)
    assert len(open_sessions(pat.pk)) == 1
    with time_machine.travel(begin + dt.timedelta(minutes=31), tick=False):
        assert open_sessions(pat.pk) == []
    Session.objects.update(expire_date=begin + dt.timedelta(days=3))  # renewed until then
    with time_machine.travel(begin + dt.timedelta(hours=10, minutes=1), tick=False):
        assert open_sessions(pat.pk) == []


@pytest.mark.sql("new")
def test_administrator_signs_a_person_out_everywhere(ada: User, pat: User) -> None:
    clients = [_signed_in(pat), _signed_in(pat, agent=EDGE)]
    ids = {str(one) for one in Session.objects.filter(person=pat).values_list("sign_in", flat=True)}
    answer = _signed_in(ada).post(f"/people/{pat.pk}/sign-out/", follow=True)
    assert "2 sessions were ended" in text(answer)
    assert "No open sessions." in text(answer)
    assert not any(_is_in(client) for client in clients)
    [event] = events("person.sessions_ended")
    assert (event.person, event.actor_id) == (str(pat.pk), str(ada.pk))
    assert event.details["count"] == 2
    assert {*event.details["sessions"]} == ids
    assert _is_in(_signed_in(pat))  # they can sign in again


@pytest.mark.sql("new")
def test_signing_out_everywhere_cancels_a_link_and_forgets_browsers(ada: User, pat: User) -> None:
    known = _signed_in(pat)
    services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    link = PasswordLink.objects.get()
    services.sign_out_everywhere(person_id=pat.pk, actor=acting(ada))
    page = text(_signed_in(ada).get("/people/links/"))
    assert "No open links" in page
    assert link.used_at is None
    User.objects.filter(pk=pat.pk).update(sign_in_blocked_at=dt.datetime.now(dt.UTC))
    answer = known.post("/accounts/login/", {"login": "pat", "password": PASSWORD})
    assert answer.status_code == 200  # blocked in browsers that are not known


def test_signing_out_elsewhere_keeps_this_session(pat: User) -> None:
    here, elsewhere = _signed_in(pat), _signed_in(pat, agent=EDGE)
    assert "also ends your exports that are running in other browsers" in text(here.get(PROFILE))
    answer = here.post("/accounts/sign-out-elsewhere/", follow=True)
    assert "1 session was ended" in text(answer)
    assert _is_in(here)
    assert not _is_in(elsewhere)
    [event] = events("person.sessions_ended")
    assert event.actor_id == event.person == str(pat.pk)
    again = here.post("/accounts/sign-out-elsewhere/", follow=True)
    assert "0 sessions were ended" in text(again)


def test_own_sessions_are_not_ended_on_the_page_of_people(ada: User) -> None:
    client = _signed_in(ada)
    assert client.post(f"/people/{ada.pk}/sign-out/")["Location"] == PROFILE
    assert _is_in(client)
    assert events("person.sessions_ended") == []


@pytest.mark.parametrize("roles", [(), (STAFF,), (SUPERVISOR,), ("auditor",)])
def test_only_administrators_sign_others_out(pat: User, roles: tuple[str, ...]) -> None:
    victim = _signed_in(pat)
    client = _signed_in(make_person("wanda", *roles))
    assert client.post(f"/people/{pat.pk}/sign-out/").status_code == 403
    assert _is_in(victim)


@pytest.mark.sql("new")
def test_deactivation_and_a_new_password_end_the_rows_of_sessions(ada: User, pat: User) -> None:
    _signed_in(pat)
    services.set_password(person_id=pat.pk, password="the rain in a long walk", actor=TESTS)
    assert not Session.objects.filter(person=pat).exists()
    assert events("person.password_set")[-1].details["count"] == 1
    client = Client()
    client.force_login(User.objects.get(pk=pat.pk))
    services.deactivate_person(person_id=pat.pk, actor=acting(ada))
    assert events("person.deactivated")[-1].details["count"] == 1
    assert not Session.objects.filter(person=pat).exists()


def test_upgrade_of_a_passwords_hash_ends_no_session(pat: User, settings: Settings) -> None:
    client = _signed_in(pat)
    stronger = "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"
    settings.PASSWORD_HASHERS = [stronger, *settings.PASSWORD_HASHERS]
    assert User.objects.get(pk=pat.pk).check_password(PASSWORD)  # as at a sign-in elsewhere
    assert User.objects.get(pk=pat.pk).password != pat.password
    assert _is_in(client)


def test_request_in_progress_does_not_bring_back_its_ended_session(pat: User) -> None:
    client = _signed_in(pat)
    session = client.session
    assert session[SIGNED_IN_AT]  # a request has read it
    services.sign_out_everywhere(person_id=pat.pk, actor=TESTS)
    session["anything"] = "written by a request that began before"
    with pytest.raises(UpdateError):
        session.save()
    assert not _is_in(client)


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_two_administrators_end_each_others_sessions_at_once() -> None:
    one, two = make_person("one", ADMINISTRATOR), make_person("two", ADMINISTRATOR)
    clients = [_signed_in(one), _signed_in(two)]
    for person, by in ((one, two), (two, one)):  # each one's link is for the other
        services.issue_password_link(person_id=person.pk, actor=acting(by))
    barrier = threading.Barrier(2, timeout=20)
    failed: list[BaseException] = []

    def end(person: User, by: User) -> None:
        try:
            barrier.wait()
            services.sign_out_everywhere(person_id=person.pk, actor=acting(by))
        except BaseException as error:  # noqa: BLE001  # asserted below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=end, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failed == []
    assert not any(_is_in(client) for client in clients)
    assert len(events("person.sessions_ended")) == 2


@pytest.mark.sql("new")
@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_session_that_ends_meanwhile_is_not_ended_a_second_time(pat: User) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a transaction of SQLite has the only lock from its start")
    _signed_in(pat)
    ended: list[int] = []

    def end() -> None:
        try:
            ended.append(services.sign_out_everywhere(person_id=pat.pk, actor=TESTS).sessions)
        finally:
            connection.close()

    everywhere = threading.Thread(target=end)
    with transaction.atomic():
        Session.objects.filter(person=pat).delete()  # as signing out does
        everywhere.start()
        assert wait_for(is_a_transaction_waiting, 20)
    everywhere.join(timeout=30)
    assert ended == [0]


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        ("Mozilla/5.0 (iPhone) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_browser_has_a_short_name(agent: str, label: str) -> None:
    assert browser_label(agent) == label


NEW = "the rain in a long walk"
NEW_PASSWORD = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
NOTHING_DONE = "Your session had ended. Nothing was done."
ends_the_session = pytest.mark.parametrize(
    "end",
    [
        lambda pat, _here: services.deactivate_person(person_id=pat.pk, actor=TESTS),
        lambda pat, _here: services.sign_out_everywhere(person_id=pat.pk, actor=TESTS),
        lambda _pat, here: here.post("/accounts/logout/"),
    ],
    ids=["deactivated", "signed out everywhere", "signed out in another window"],
)


def _another_window(client: Client) -> Client:
    other = Client()
    other.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return other


def _do_meanwhile(
    patch: pytest.MonkeyPatch, module: object, function: str, act: Callable[[], object]
) -> None:
    """Act once, before the function is called the next time."""
    real = getattr(module, function)

    def act_first(*arguments: object) -> object:
        patch.setattr(module, function, real)
        act()
        return real(*arguments)

    patch.setattr(module, function, act_first)


def _assert_over(answer: Any, client: Client, pat: User) -> None:
    assert answer.redirect_chain[0][0].startswith("/accounts/login/?next=")
    assert NOTHING_DONE in text(answer)
    assert not Session.objects.filter(person=pat).exists()
    services.reactivate_person(person_id=pat.pk, actor=TESTS)
    assert not _is_in(client)


@pytest.mark.sql("new")
@ends_the_session
def test_session_that_ends_while_the_new_password_is_hashed_stays_ended_and_nothing_is_changed(
    pat: User, end: Callable[[User, Client], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _signed_in(pat)
    before = len(events("person.password_set"))
    _do_meanwhile(monkeypatch, services, "make_password", lambda: end(pat, _another_window(here)))
    answer = here.post("/accounts/password/", NEW_PASSWORD, follow=True)
    _assert_over(answer, here, pat)
    assert User.objects.get(pk=pat.pk).check_password(PASSWORD)
    assert len(events("person.password_set")) == before


@pytest.mark.sql("new")
@ends_the_session
def test_session_that_ends_before_the_others_are_ended_stays_ended(
    pat: User, end: Callable[[User, Client], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _signed_in(pat)
    _do_meanwhile(monkeypatch, views, "_signed_in_user", lambda: end(pat, _another_window(here)))
    answer = here.post("/accounts/sign-out-elsewhere/", follow=True)
    _assert_over(answer, here, pat)
    assert not [event for event in events("person.sessions_ended") if event.actor_id == str(pat.pk)]


@pytest.mark.sql("new")
def test_session_that_changes_the_password_twice_at_once_continues(
    pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _signed_in(pat)
    window, before = _another_window(here), len(events("person.password_set"))
    _do_meanwhile(
        monkeypatch, services, "make_password", lambda: window.post("/accounts/password/", NEW_PASSWORD)
    )
    assert here.post("/accounts/password/", NEW_PASSWORD).headers["Location"] == "/accounts/profile/"
    assert len(events("person.password_set")) == before + 2
    assert _is_in(here)
    assert Session.objects.filter(person=pat).count() == 1
    assert User.objects.get(pk=pat.pk).check_password(NEW)


@pytest.mark.sql("new")
def test_session_that_ends_the_others_twice_at_once_continues(
    pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _signed_in(pat)
    window, before = _another_window(here), len(events("person.sessions_ended"))
    _do_meanwhile(monkeypatch, views, "_signed_in_user", lambda: window.post("/accounts/sign-out-elsewhere/"))
    assert here.post("/accounts/sign-out-elsewhere/").headers["Location"] == "/accounts/profile/"
    assert len(events("person.sessions_ended")) == before + 2
    assert _is_in(here)
    assert Session.objects.filter(person=pat).count() == 1


@pytest.mark.sql("new")
def test_session_and_change_are_stored_together(pat: User, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _signed_in(pat)
    stored = []

    def look(_request: HttpRequest, response: HttpResponse, person: User) -> HttpResponse:
        row = Session.objects.get(person=person)
        stored.append(row.get_decoded()[HASH_SESSION_KEY] == person.get_session_auth_hash())
        return response

    monkeypatch.setattr(views, "_remember_device", look)
    here.post("/accounts/password/", NEW_PASSWORD)
    here.post("/accounts/sign-out-elsewhere/")
    assert stored == [True, True]


@pytest.mark.sql("new")
@ends_the_session
def test_session_that_ends_while_it_is_extended_is_not_reported_as_extended(
    pat: User, end: Callable[[User, Client], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = _signed_in(pat)

    def end_and_renew(request: HttpRequest, *, force: bool) -> None:
        monkeypatch.undo()
        end(pat, _another_window(here))
        sessions.renew(request, force=force)

    monkeypatch.setattr(sessions, "renew", end_and_renew)
    assert here.post("/accounts/session/").status_code == 401  # the script says that the session has ended
    assert not Session.objects.filter(person=pat).exists()
