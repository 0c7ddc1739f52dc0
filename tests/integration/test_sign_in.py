"""Signing in and out, what a stranger can learn from it, and how sessions end."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import authenticate, get_user, hashers
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse

from apps.accounts import services
from apps.accounts.models import EndReason, Session, User
from apps.accounts.roles import ADMINISTRATOR, STAFF
from apps.accounts.sign_in import adapter, sessions
from apps.accounts.sign_in.session_store import SessionStore
from apps.audit.models import AuditEvent
from apps.core.forms.input import ARRIVED_TWICE
from apps.core.web.requests import SESSION_ID
from tests.support.people import PASSWORD, TESTS, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

START = dt.datetime(2026, 3, 7, 12, 0, tzinfo=dt.UTC)
SIGN_IN = "/accounts/login/"
WRONG = "The user name or the password is incorrect"
NEW = "a-second-pass-phrase-for-pat"


@pytest.fixture(autouse=True)
def _no_attempts_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def pat() -> User:
    return make_person("pat", STAFF)


def _sign_in(client: Client, username: str, password: str = PASSWORD, **extra: str):  # type: ignore[no-untyped-def]
    return client.post(SIGN_IN, {"login": username, "password": password, **extra})


def _is_signed_in(client: Client) -> bool:
    return client.get(reverse("own_profile")).status_code == 200


@pytest.mark.sql("new")
def test_person_signs_in_in_any_letter_case_and_it_is_recorded(client: Client, pat: User) -> None:
    response = _sign_in(client, "  PAT ")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert _is_signed_in(client)
    [event] = events("session.signed_in")
    assert (event.person, event.actor_id, event.actor_name) == (str(pat.pk), str(pat.pk), "Pat Person")
    assert event.actor_roles == STAFF
    assert event.peer_address == "127.0.0.1"


@pytest.mark.sql("new")
def test_events_of_one_session_carry_its_id_from_sign_in_to_sign_out(client: Client, pat: User) -> None:
    _sign_in(client, "pat")
    key = client.session.session_key
    client.get("/audit/")
    new = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    assert client.post(reverse("own_password"), new).status_code == 302
    assert client.session.session_key != key  # the session continues under another key
    client.get("/audit/")
    client.post("/accounts/logout/")
    _sign_in(client, "pat", NEW)
    client.get("/audit/")
    *first, again, last = _sessions_of(pat)
    assert [action for action, _ in first] == [
        "session.signed_in",
        "access.denied",
        "person.password_set",
        "access.denied",
        "session.signed_out",
    ]
    [session] = {session for _, session in first}
    assert again == ("session.signed_in", last[1])
    assert {str(uuid.UUID(one)) for one in (session, last[1])} == {session, last[1]}
    assert session != last[1]
    assert key not in (session, last[1])


@pytest.mark.sql("new")
def test_failed_sign_ins_and_strangers_have_no_session(client: Client, pat: User) -> None:
    _sign_in(client, "pat", "wrong")
    assert events("session.sign_in_failed")[0].session is None
    assert {event.session for event in AuditEvent.objects.filter(actor_id=None)} == {None}


def test_session_without_an_id_gets_one_with_the_next_request(client: Client, pat: User) -> None:
    """As a person has who signed in before an update."""
    client.force_login(pat)
    client.get("/audit/")
    client.get("/audit/")
    one, other = (event.session for event in events("access.denied"))
    assert one == other == client.session["session_id"]


def _sessions_of(person: User) -> list[tuple[str, str | None]]:
    found = AuditEvent.objects.filter(actor_id=str(person.pk)).order_by("seq")
    return [*found.values_list("action", "session")]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0)", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
        ("x" * 500, "x" * 200),
        ("line\x1b[2J\x00", "line?[2J?"),
    ],
)
def test_sign_in_carries_its_method_and_the_browser(
    client: Client, pat: User, sent: str, stored: str
) -> None:
    client.post(SIGN_IN, {"login": "pat", "password": PASSWORD}, headers={"user-agent": sent})
    assert events("session.signed_in")[0].details == {"method": "password", "user_agent": stored}


def test_client_that_names_no_browser_signs_in(client: Client, pat: User) -> None:
    _sign_in(client, "pat")
    assert events("session.signed_in")[0].details == {"method": "password", "user_agent": None}


def test_sign_in_page_supports_password_managers(client: Client) -> None:
    page = client.get(SIGN_IN).content.decode()
    form = page[page.index("<form") : page.index("</form>")]
    for words in ("User name", "Password", ">Sign in</button>", 'autocomplete="username"'):
        assert words in form
    assert 'autocomplete="current-password"' in form
    assert "onpaste" not in form
    assert "mail" not in form


def test_empty_fields_are_reported(client: Client) -> None:
    page = _sign_in(client, "", "").content.decode()
    assert "Enter your user name" in page
    assert "Enter your password" in page
    assert events("session.sign_in_failed") == []


def _failures() -> list[tuple[str, str, str]]:
    gone = make_person("gone", STAFF)
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    make_person("fresh", password="")
    return [
        ("nobody", PASSWORD, "no_account"),
        ("pat", "wrong", "wrong_password"),
        ("gone", PASSWORD, "deactivated"),
        ("gone", "wrong", "wrong_password"),
        ("fresh", PASSWORD, "wrong_password"),
    ]


@pytest.mark.sql("repeated")
def test_each_failure_shows_the_same_page_and_computes_one_hash(
    client: Client, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = _failures()
    hasher = type(hashers.get_hasher())
    encode, hashed = hasher.encode, []

    def counted(self: object, password: str, salt: str, *args: object, **kwargs: object) -> str:
        hashed.append(password)
        return str(encode(self, password, salt, *args, **kwargs))  # type: ignore[arg-type]

    monkeypatch.setattr(hasher, "encode", counted)
    pages, work = [], []
    for username, password, _ in failures:
        hashed.clear()
        response = _sign_in(Client(), username, password)
        work.append(len(hashed))
        pages.append((response.status_code, _without_what_was_typed(response.content.decode(), username)))
    assert len(set(pages)) == 1
    assert WRONG in pages[0][1]
    assert work == [1] * len(failures)


def _without_what_was_typed(page: str, username: str) -> str:
    lines = page.replace(f'value="{username}"', "").splitlines()
    return "\n".join(line for line in lines if "csrf" not in line and "upport" not in line)


def test_failure_is_recorded_with_the_account_and_never_the_typed_text(client: Client, pat: User) -> None:
    failures = _failures()
    for username, password, _ in failures:
        _sign_in(client, username, password)
    recorded = events("session.sign_in_failed")
    assert [event.details["reason"] for event in recorded] == [reason for *_, reason in failures]
    accounts = [User.objects.filter(username=username).first() for username, *_ in failures]
    assert [event.person for event in recorded] == [str(user.pk) if user else None for user in accounts]
    assert all(event.actor_id is None and "nobody" not in event.data for event in recorded)
    names = [event.details.get("username") for event in recorded]
    assert names == [user.username if user else None for user in accounts]


@pytest.mark.sql("new")
def test_account_is_limited_per_address_and_its_owner_is_not_locked_out(pat: User) -> None:
    for _ in range(5):
        assert _from("192.0.2.1", "pat", "wrong").status_code == 200
    limited = _from("192.0.2.1", "PAT", PASSWORD)
    assert limited.status_code == 429
    assert "Too many attempts" in limited.content.decode()
    assert _from("192.0.2.1", "other", "wrong").status_code == 200
    assert _from("192.0.2.9", "pat", PASSWORD).status_code == 302  # the owner, in another browser


def test_address_is_limited_across_accounts() -> None:
    answers = [_from("192.0.2.1", f"name{n}", "wrong").status_code for n in range(21)]
    assert answers == [200] * 20 + [429]
    assert _from("192.0.2.2", "name0", "wrong").status_code == 200


@pytest.mark.sql("new")
def test_limit_of_an_account_expires(pat: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(5):
            _from("192.0.2.1", "pat", "wrong")
        assert _from("192.0.2.1", "pat", PASSWORD).status_code == 429
        clock.shift(dt.timedelta(minutes=6))
        assert _from("192.0.2.1", "pat", PASSWORD).status_code == 302


def test_successful_sign_ins_do_not_count_against_the_limit(pat: User) -> None:
    assert [_from("192.0.2.1", "pat", PASSWORD).status_code for _ in range(7)] == [302] * 7


def test_limit_is_recorded_once_and_not_per_attempt(pat: User) -> None:
    for _ in range(9):
        _from("192.0.2.1", "pat", "wrong")
    reasons = [event.details["reason"] for event in events("session.sign_in_failed")]
    assert reasons == ["wrong_password"] * 5 + ["limited"]


def test_address_that_tries_many_names_beyond_its_limit_is_recorded_once() -> None:
    for number in range(30):
        _from("192.0.2.1", f"name{number}", "wrong")
    reasons = [event.details["reason"] for event in events("session.sign_in_failed")]
    assert reasons == ["no_account"] * 20 + ["limited"]


def _from(address: str, username: str, password: str):  # type: ignore[no-untyped-def]
    return Client(REMOTE_ADDR=address).post(SIGN_IN, {"login": username, "password": password})


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "https://localhost/",
    ],
)
def test_sign_in_redirects_only_to_this_host(client: Client, pat: User, elsewhere: str) -> None:
    assert _sign_in(client, "pat", next=elsewhere)["Location"] == "/"
    signed_in_already = client.get(SIGN_IN, {"next": elsewhere})
    assert signed_in_already["Location"] == "/"


def test_sign_in_returns_to_the_requested_page(client: Client, pat: User) -> None:
    wanted = "/accounts/profile/"
    asked = client.get(wanted)
    assert asked["Location"] == f"{SIGN_IN}?next={wanted}"
    assert f'value="{wanted}"' in client.get(asked["Location"]).content.decode()
    assert _sign_in(client, "pat", next=wanted)["Location"] == wanted


def test_other_pages_of_allauth_do_not_exist(client: Client) -> None:
    for name in (
        "account_signup",
        "account_email",
        "account_reset_password",
        "account_reauthenticate",
        "account_change_password",
        "account_inactive",
    ):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    for path in ("signup/", "email/", "password/reset/", "inactive/", "confirm-email/", "login/code/"):
        assert client.get(f"/accounts/{path}").status_code in (302, 404)
        assert client.post(f"/accounts/{path}").status_code in (302, 404)
    assert User.objects.count() == 0


def test_session_gets_a_new_key_at_sign_in(client: Client, pat: User) -> None:
    _, token = services.issue_password_link(person_id=pat.pk, actor=TESTS)
    client.get(reverse("password_link", args=["MQ", token]), follow=True)
    before = client.session.session_key
    _sign_in(client, "pat")
    assert client.session.session_key != before


def test_signing_out_needs_a_post_and_is_recorded_once(client: Client, pat: User) -> None:
    _sign_in(client, "pat")
    assert "Sign out</button>" in client.get("/accounts/logout/").content.decode()
    assert _is_signed_in(client)
    assert client.post("/accounts/logout/")["Location"] == SIGN_IN
    assert not _is_signed_in(client)
    client.post("/accounts/logout/")
    assert client.get("/accounts/logout/")["Location"] == SIGN_IN
    [event] = events("session.signed_out")
    assert (event.person, event.details["reason"]) == (str(pat.pk), "button")


def test_cross_site_form_signs_no_one_in_or_out(pat: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert _sign_in(strict, "pat").status_code == 403
    strict.force_login(pat)
    assert strict.post("/accounts/logout/").status_code == 403
    assert _is_signed_in(strict)


def test_idle_session_ends_and_is_recorded_once(client: Client, pat: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        _sign_in(client, "pat")
        clock.shift(settings.SESSION_IDLE_SECONDS - 1)
        assert _is_signed_in(client)  # and restarts the idle time
        clock.shift(settings.SESSION_IDLE_SECONDS - 1)
        assert _is_signed_in(client)
        clock.shift(settings.SESSION_IDLE_SECONDS + 1)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        assert not _is_signed_in(client)
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        assert not _is_signed_in(client)
    [event] = events("session.signed_out")
    assert (event.person, event.actor_name, event.details["reason"]) == (str(pat.pk), "Pat Person", "idle")
    assert event.session == events("session.signed_in")[0].session
    assert Session.objects.count() == 0


def test_session_ends_at_the_absolute_limit_despite_activity(client: Client, pat: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        _sign_in(client, "pat")
        step = settings.SESSION_IDLE_SECONDS // 2
        for _ in range(settings.SESSION_ABSOLUTE_SECONDS // step - 1):
            clock.shift(step)
            assert _is_signed_in(client)
        clock.shift(step)
        assert not _is_signed_in(client)
    [event] = events("session.signed_out")
    assert (event.person, event.details["reason"]) == (str(pat.pk), "absolute")
    assert event.session == events("session.signed_in")[0].session


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda pat: services.deactivate_person(person_id=pat.pk, actor=TESTS), "deactivated"),
        (lambda pat: services.set_password(person_id=pat.pk, password=NEW, actor=TESTS), "wrong_password"),
    ],
    ids=["deactivated", "new password"],
)
def test_access_that_ends_while_the_password_is_checked_begins_no_session(
    client: Client,
    pat: User,
    meanwhile: Callable[[User], None],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check_and_lose(*given: Any, **credentials: Any) -> Any:
        found = authenticate(*given, **credentials)
        meanwhile(pat)
        return found

    monkeypatch.setattr(adapter, "authenticate", check_and_lose)
    assert WRONG in _sign_in(client, "pat").content.decode()
    assert not _is_signed_in(client)
    assert events("session.signed_in") == []
    [failure] = events("session.sign_in_failed")
    assert (failure.person, failure.details["reason"]) == (str(pat.pk), reason)
    assert Session.objects.count() == 0


@pytest.mark.sql("new")
def test_signing_out_everywhere_while_the_password_is_checked_leaves_the_new_session(
    client: Client, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_and_sign_out(*given: Any, **credentials: Any) -> Any:
        found = authenticate(*given, **credentials)
        services.sign_out_everywhere(person_id=pat.pk, actor=TESTS)
        return found

    monkeypatch.setattr(adapter, "authenticate", check_and_sign_out)
    assert _sign_in(client, "pat").status_code == 302
    assert _is_signed_in(client)


@pytest.mark.parametrize("closed_by", ["worker", "request", "deactivation"])
def test_session_that_reached_its_maximum_while_idle_did_not_end_by_idle_time(
    client: Client, pat: User, closed_by: str
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        _sign_in(client, "pat")
        step = settings.SESSION_IDLE_SECONDS // 2
        for _ in range(settings.SESSION_ABSOLUTE_SECONDS // step - 1):
            clock.shift(step)
            assert _is_signed_in(client)
        clock.shift(settings.SESSION_IDLE_SECONDS)
        if closed_by == "worker":
            sessions.close_expired_sessions()
        elif closed_by == "request":
            assert not _is_signed_in(client)
        else:
            services.deactivate_person(person_id=pat.pk, actor=TESTS)
    [event] = events("session.signed_out")
    assert (event.person, event.details["reason"]) == (str(pat.pk), "absolute")
    assert Session.objects.count() == 0


@pytest.mark.sql("new")
def test_session_that_was_over_is_recorded_when_it_is_deleted_with_the_others(
    client: Client, pat: User
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        _sign_in(client, "pat")
        clock.shift(settings.SESSION_IDLE_SECONDS + 1)
        _sign_in(Client(), "pat")
        services.deactivate_person(person_id=pat.pk, actor=TESTS)
    first, second = events("session.signed_in")
    [over] = events("session.signed_out")
    assert (over.session, over.person, over.details["reason"]) == (first.session, str(pat.pk), "idle")
    [deactivated] = events("person.deactivated")
    assert deactivated.details["sessions"] == [second.session]
    assert over.seq < deactivated.seq


@pytest.mark.parametrize("reason", [EndReason.BUTTON, EndReason.ABSOLUTE])
def test_end_of_a_session_is_recorded_once_by_two_requests(
    client: Client, pat: User, reason: EndReason, rf: RequestFactory
) -> None:
    _sign_in(client, "pat")
    requests = [rf.post("/accounts/logout/") for _ in range(2)]
    for request in requests:
        request.session = SessionStore(client.session.session_key)
        assert request.session[SESSION_ID]  # both have loaded the session before either ends it
        request.user = get_user(request)
    for request in requests:
        sessions.end(request, reason)
        assert request.user.is_anonymous
    [event] = events("session.signed_out")
    assert (event.person, event.details["reason"]) == (str(pat.pk), reason)


def test_deactivation_ends_a_live_session_permanently(client: Client, pat: User) -> None:
    _sign_in(client, "pat")
    services.deactivate_person(person_id=pat.pk, actor=TESTS)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    services.reactivate_person(person_id=pat.pk, actor=TESTS)
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert not _is_signed_in(client)
    assert _sign_in(client, "pat").status_code == 302  # again, with the password


def test_deactivated_person_is_signed_out_at_the_next_request(client: Client, pat: User) -> None:
    _sign_in(client, "pat")
    services.deactivate_person(person_id=pat.pk, actor=TESTS)
    assert not _is_signed_in(client)


def test_revoked_role_is_gone_at_the_next_request(client: Client) -> None:
    make_person("other", ADMINISTRATOR)
    ada = make_person("ada", ADMINISTRATOR)
    _sign_in(client, "ada")
    assert client.get("/people/").status_code == 200
    services.revoke_role(person_id=ada.pk, role=ADMINISTRATOR, actor=TESTS)
    assert client.get("/people/").status_code == 403


@pytest.mark.sql("new")
def test_sign_in_fails_if_its_event_cannot_be_written(
    client: Client, pat: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_log(event: object) -> int:
        raise RuntimeError("the log is closed")

    monkeypatch.setattr("apps.accounts.sign_in.sessions.record", no_log)
    client.raise_request_exception = False
    assert _sign_in(client, "pat").status_code == 500
    assert not _is_signed_in(client)
    assert User.objects.get(pk=pat.pk).last_login is None


@pytest.mark.sql("new")
def test_times_are_shown_in_the_persons_time_zone(client: Client) -> None:
    make_person("ada", ADMINISTRATOR, time_zone="Pacific/Auckland")
    with time_machine.travel(START, tick=False):
        _sign_in(client, "ada")
        assert "8 March 2026, 01:00" in client.get("/people/").content.decode()


@pytest.mark.parametrize(("field", "other"), [("login", "sam"), ("password", "another one")])
def test_sign_in_with_two_names_or_passwords_is_neither_tried_nor_counted(
    pat: User, field: str, other: str
) -> None:
    client = Client()
    answer = client.post(
        SIGN_IN, {"login": "pat", "password": PASSWORD, field: [other, {"login": "pat"}.get(field, PASSWORD)]}
    )
    assert str(ARRIVED_TWICE) in answer.content.decode()
    assert not _is_signed_in(client)
    assert events("session.sign_in_failed") == []


@pytest.mark.sql("new")
@pytest.mark.parametrize("typed", ["pat\x1f", "\x85pat", "pat\x00"])
def test_name_with_an_invisible_character_is_the_same_name(pat: User, typed: str) -> None:
    client = Client()
    assert "Remove the line breaks and control characters" in _sign_in(client, typed).content.decode()
    assert not _is_signed_in(client)
