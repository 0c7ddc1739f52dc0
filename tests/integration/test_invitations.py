"""Several people invited from a pasted table, and the links that their issuer can open again."""

from __future__ import annotations

import datetime as dt
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
import time_machine
from django.conf import settings as portal_settings
from django.core.cache import cache
from django.db import IntegrityError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts import invitation_table, services
from apps.accounts.models import PasswordLink, User
from apps.accounts.roles import ADMINISTRATOR, STAFF, SUPERVISOR
from apps.audit.recording import record
from tests.support.entries import text
from tests.support.people import TESTS, acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

PAGE, LINKS = "/people/invite/", "/people/links/"
NEW = "the rain in a long walk"
TABLE = "Ann One\tann\tann@example.com\tStaff\nBob Two\tbob\t\tSupervisor, Export of personal data\n"


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    cache.clear()


@pytest.fixture
def ada() -> User:
    return make_person("ada", ADMINISTRATOR)


@pytest.fixture
def as_ada(ada: User) -> Client:
    return _as(ada)


def _as(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _check(client: Client, table: str) -> str:
    return text(client.post(PAGE, {"table": table}))


def _create(client: Client, table: str) -> str:
    return text(client.post(PAGE, {"table": table, "action": "create"}, follow=True))


def _links(page: str) -> list[str]:
    return [unescape(one) for one in re.findall(r"http://testserver(/accounts/set-password/[^\s<\"]+)", page)]


@pytest.mark.sql("new")
def test_table_is_checked_first_and_then_everybody_is_added_with_a_link(as_ada: Client) -> None:
    page = _check(as_ada, TABLE)
    assert "Nobody has been added yet" in page
    assert "Add 2 people" in page
    assert not User.objects.filter(username__in=["ann", "bob"]).exists()
    assert events("person.added")[-1].details["username"] == "ada"

    page = _create(as_ada, TABLE)
    assert "2 people were added" in page
    ann, bob = User.objects.get(username="ann"), User.objects.get(username="bob")
    assert (ann.name, ann.email, ann.roles) == ("Ann One", "ann@example.com", (STAFF,))
    assert bob.roles == (SUPERVISOR, "personal_data_export")
    assert PasswordLink.objects.count() == 2
    links = {*_links(page)}
    assert len(links) == 2
    for link in links:
        visitor = Client()
        address = visitor.get(link)["Location"]
        answer = visitor.post(address, {"new_password": NEW, "new_password_again": NEW})
        assert answer["Location"] == "/accounts/login/"
    assert all(user.check_password(NEW) for user in User.objects.filter(username__in=["ann", "bob"]))
    assert "No open links" in text(as_ada.get(LINKS))


@pytest.mark.parametrize(
    "table",
    [
        "Full name\tUser name\tE-mail\tRole\nAnn One\tann\t\tstaff",
        "role;user name;name\nstaff;ann;Ann One",
        "Ann One,ann,,Staff\nBob; Two,bob,,Staff",
        'name,username,email,role\n"Ann One",ann,,STAFF',
        "\n\nAnn One\tann\t\tStaff\n\n",
        "Ann One\u00a0\tann\t\tStaff\t\r\n".replace("\t\r", "\r"),
    ],
)
def test_headings_delimiters_and_blank_lines(as_ada: Client, table: str) -> None:
    _create(as_ada, table)
    ann = User.objects.get(username="ann")
    assert (ann.name, ann.roles) == ("Ann One", (STAFF,))


@pytest.mark.sql("new")
def test_every_problem_of_every_line_is_told_at_once_and_nobody_is_added(as_ada: Client) -> None:
    table = (
        "Ann One\tann\tann@example.com\tStaff\n"
        "\tADA\tno address\tEmperor\n"
        "Cy Three\tcy three\t\t\n"
        "Ann Again\tAnn\t\tStaff\n"
        "too\tmany\t\tStaff\tcolumns\n"
        "The portal (worker)\tdee\t\tStaff"
    )
    people = User.objects.count()
    for page in (_check(as_ada, table), _create(as_ada, table)):
        for words in (
            "Line 2: Enter the full name",
            "Line 2: Another person has the user name ADA",
            "Line 2: Enter an email address, such as name@example.com",
            "Line 2: No role is called Emperor",
            "Line 3: Use only the letters a to z",
            "Line 3: Enter a role",
            "Line 4: Line 1 has the same user name",
            "Line 5: The line has 5 columns; there are 4",
            "Line 6: Enter another full name. In the audit log, this one stands for the portal or a visitor.",
        ):
            assert words in page
        assert "Line 1:" not in page
        assert "<title>Error: Invite several people" in page
        assert "Add 6 people" not in page
    assert User.objects.count() == people
    assert not PasswordLink.objects.exists()
    assert events("person.password_link_issued") == []


@pytest.mark.parametrize(
    "table",
    [
        "",
        " \n\t\n",
        "Full name\tUser name\tE-mail\tRole",
        "x" * 20_001,
        "Ann\x00\tann\t\tStaff",
        "=cmd()\t=cmd\t\tStaff",
        "<script>alert(1)</script>\t<b>\t<i>\t<u>",
        '"\n"\n"\t"',
        "Ann\tann\t\t" + "Staff," * 2_000 + "x",
        "Ann\t" + "a" * 151 + "\t\tStaff",
        "Ann\tann\t" + "a" * 200 + "@example.com\tStaff",
        "Ann\tａnn\t\tStaff",
        "user name\nann",
        "\n".join(f"P {n}\tp{n}\t\tStaff" for n in range(51)),
    ],
)
def test_hostile_table_adds_nobody(as_ada: Client, table: str) -> None:
    people = User.objects.count()
    answer = as_ada.post(PAGE, {"table": table, "action": "create"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<title>Error: " in page
    assert "<script>alert" not in page
    assert User.objects.count() == people


def test_fifty_people_need_a_bounded_number_of_queries_to_be_checked(
    as_ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    table = "\n".join(f"P {n}\tp{n}\t\tStaff" for n in range(50))
    as_ada.get(PAGE)
    with django_assert_max_num_queries(8):
        page = _check(as_ada, table)
    assert "Add 50 people" in page
    assert "50 people were added" in _create(as_ada, table)


@pytest.mark.sql("new")
def test_person_added_by_somebody_else_since_the_check_adds_nobody(
    as_ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*, people: object, actor: object) -> list[int]:
        make_person("bob", STAFF)
        return invite(people=people, actor=actor)  # type: ignore[arg-type]  # passed on

    invite = services.invite_people
    monkeypatch.setattr(services, "invite_people", meanwhile)
    page = _create(as_ada, TABLE)
    assert "Nobody was added: a user name was taken meanwhile" in page
    assert "Line 2: Another person has the user name bob" in page
    assert not User.objects.filter(username="ann").exists()
    assert not PasswordLink.objects.exists()


@pytest.mark.sql("new")
def test_button_pressed_twice_leads_to_the_links_both_times(as_ada: Client) -> None:
    for _ in range(2):
        page = _create(as_ada, TABLE)
        assert "2 people were added" in page
        assert len({*_links(page)}) == 2
    assert PasswordLink.objects.count() == 2
    page = _create(as_ada, TABLE.replace("Ann One", "Ann Other"))
    assert "Line 1: Another person has the user name ann" in page
    other = _as(make_person("otto", ADMINISTRATOR))
    assert "Line 1: Another person has the user name ann" in _create(other, TABLE)


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_button_pressed_twice_at_the_same_time_leads_to_the_links(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, invite = threading.Barrier(2, timeout=30), services.invite_people

    def together(*, people: object, actor: object) -> list[int]:
        both.wait()  # both have found nobody with these names
        return invite(people=people, actor=actor)  # type: ignore[arg-type]  # passed on

    def press(client: Client) -> str:
        try:
            return client.post(PAGE, {"table": TABLE, "action": "create"}).get("Location", "")
        finally:
            connection.close()

    monkeypatch.setattr(services, "invite_people", together)
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(press, [_as(ada), _as(ada)])] == [LINKS, LINKS]
    assert User.objects.filter(username__in=["ann", "bob"]).count() == 2
    assert PasswordLink.objects.count() == 2


def test_long_table_is_refused_without_a_form_for_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    forms: list[object] = []
    monkeypatch.setattr(invitation_table, "_RowForm", lambda *_: forms.append(1))
    with pytest.raises(invitation_table.TooManyPeopleError) as refused:
        invitation_table.read_table("x\n" * 10_000)
    assert refused.value.found == 10_000
    assert forms == []


@pytest.mark.sql("new")
def test_error_that_is_no_taken_name_is_not_told_as_one(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IntegrityError("another constraint")

    monkeypatch.setattr(services, "_issue_link", broken)
    people = [services.NewPerson("ann", services.PersonDetails("Ann One"))]
    with pytest.raises(IntegrityError, match="another constraint"):
        services.invite_people(people=people, actor=acting(ada))
    assert not User.objects.filter(username="ann").exists()


@pytest.mark.sql("new")
def test_failure_at_the_last_person_leaves_nothing(as_ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def failing(event: object) -> int:
        calls.append(event)
        if len(calls) == 7:  # the last link's event: 2 x added, 3 x role, 2 x link
            raise RuntimeError("the log is closed")
        return record(event)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(services, "record", failing)
    with pytest.raises(RuntimeError):
        _create(as_ada, TABLE)
    assert len(calls) == 7
    assert not User.objects.filter(username__in=["ann", "bob"]).exists()
    assert not PasswordLink.objects.exists()


@pytest.mark.parametrize("roles", [(), (STAFF,), (SUPERVISOR,), ("auditor",)])
def test_only_administrators_invite_and_open_links(roles: tuple[str, ...]) -> None:
    client = _as(make_person("wanda", *roles))
    for answer in (client.get(PAGE), client.post(PAGE, {"table": TABLE}), client.get(LINKS)):
        assert answer.status_code == 403
    assert not User.objects.filter(username="ann").exists()


# --- Links ----------------------------------------------------------------------------------------
def test_link_survives_a_reload_for_its_issuer_only(as_ada: Client, ada: User) -> None:
    pat = make_person("pat", STAFF)
    other = make_person("otto", ADMINISTRATOR)
    answer = as_ada.post(f"/people/{pat.pk}/password-link/", follow=True)
    [link] = {*_links(text(answer))}
    again = as_ada.get(f"{LINKS}?person={pat.pk}")
    assert {*_links(text(again))} == {link}
    assert "no-store" in again["Cache-Control"]
    assert "expires on" in text(again)
    assert _links(text(_as(other).get(LINKS))) == []
    page = text(_as(other).get(f"/people/{pat.pk}/"))
    assert "Ada Person issued a link on" in page
    assert "Only its issuer can open it." in page
    assert _links(page) == []
    assert _links(text(as_ada.get(f"/people/{pat.pk}/"))) == []
    assert f"{LINKS}?person={pat.pk}" in text(as_ada.get(f"/people/{pat.pk}/"))
    shown = events("password_links.shown")
    assert [(one.actor_id, one.person, one.details["count"]) for one in shown] == [
        (str(ada.pk), str(pat.pk), 1),
        (str(ada.pk), str(pat.pk), 1),
    ]


def test_everybody_whose_link_is_shown_is_named_in_an_event(as_ada: Client, ada: User) -> None:
    people = [make_person(f"pat-{number}", STAFF).pk for number in range(51)]
    for pk in people:
        services.issue_password_link(person_id=pk, actor=acting(ada))
    assert len({*_links(text(as_ada.get(LINKS)))}) == 51
    shown = events("password_links.shown")
    assert [one.details["count"] for one in shown] == [50, 1]
    assert sorted(name for one in shown for name in one.details["people"]) == sorted(map(str, people))
    assert [one.person for one in shown] == [None, shown[1].details["people"][0]]


def test_no_row_and_no_event_has_the_secret(as_ada: Client, ada: User) -> None:
    pat = make_person("pat", STAFF)
    answer = as_ada.post(f"/people/{pat.pk}/password-link/", follow=True)
    [link] = {*_links(text(answer))}
    secret = link.rstrip("/").rsplit("/", 1)[1]
    row = str(PasswordLink.objects.values().get())
    assert secret not in row
    assert secret.split("-")[1] not in row
    for event in events("password_links.shown") + events("person.password_link_issued"):
        assert secret not in str(vars(event))


def test_link_is_gone_when_it_is_used_replaced_expired_or_its_person_has_signed_in(
    as_ada: Client, ada: User
) -> None:
    pat = make_person("pat", STAFF)
    _uid, token = services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    assert len({*_links(text(as_ada.get(LINKS)))}) == 1
    issued = PasswordLink.objects.get().issued_at
    expired = issued + dt.timedelta(seconds=portal_settings.PASSWORD_RESET_TIMEOUT + 1)
    with time_machine.travel(expired, tick=False):
        assert _links(text(_as(ada).get(LINKS))) == []
    other = make_person("otto", ADMINISTRATOR)
    services.issue_password_link(person_id=pat.pk, actor=acting(other))
    assert _links(text(as_ada.get(LINKS))) == []
    _uid, token = services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    services.set_password_by_link(person_id=pat.pk, token=token, password=NEW, actor=acting(pat))
    assert _links(text(as_ada.get(LINKS))) == []
    services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    Client().post("/accounts/login/", {"login": "pat", "password": NEW})
    assert _links(text(as_ada.get(LINKS))) == []


@pytest.mark.sql("new")
def test_link_that_expires_while_its_page_is_made_is_shown_as_recorded(
    as_ada: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, token = services.issue_password_link(person_id=make_person("pat", STAFF).pk, actor=acting(ada))
    issued = PasswordLink.objects.get().issued_at
    lifetime = dt.timedelta(seconds=portal_settings.PASSWORD_RESET_TIMEOUT)
    record_shown = services.record_links_shown
    with time_machine.travel(issued + lifetime - dt.timedelta(seconds=1), tick=False) as clock:
        as_ada.force_login(ada)  # the first session has expired by now

        def record_slowly(**values: Any) -> None:
            record_shown(**values)
            clock.shift(2)

        monkeypatch.setattr(services, "record_links_shown", record_slowly)
        answer = as_ada.get(LINKS)
    assert {*_links(text(answer))} == {f"/accounts/set-password/{uid}/{token}/"}
    assert len(events("password_links.shown")) == 1


def test_link_is_shown_after_a_new_secret_key_as_long_as_the_former_one_is_accepted(
    ada: User, settings: Settings
) -> None:
    pat = make_person("pat", STAFF)
    uid, token = services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key " * 6
    [link] = {*_links(text(_as(ada).get(LINKS)))}
    assert link == f"/accounts/set-password/{uid}/{token}/"
    assert Client().get(link).status_code == 302
    settings.SECRET_KEY_FALLBACKS = []
    assert _links(text(_as(ada).get(LINKS))) == []


@pytest.mark.sql("new")
def test_link_works_after_a_correction_of_the_email_address(as_ada: Client, ada: User) -> None:
    pat = make_person("pat", STAFF)
    services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    as_ada.post(f"/people/{pat.pk}/", {"name": "Pat Person", "email": "pat@example.com"})
    assert User.objects.get(pk=pat.pk).email == "pat@example.com"
    [link] = {*_links(text(as_ada.get(LINKS)))}
    assert Client().get(link).status_code == 302


def test_link_of_a_command_is_shown_to_nobody(as_ada: Client) -> None:
    pat = make_person("pat", STAFF)
    services.issue_password_link(person_id=pat.pk, actor=TESTS)
    assert _links(text(as_ada.get(LINKS))) == []
    assert "system:tests issued a link on" in text(as_ada.get(f"/people/{pat.pk}/"))


@pytest.mark.parametrize("person", ["0", "9" * 18, "9" * 40, "x", "-1", "\x00", "1 OR 1=1"])
def test_odd_person_in_the_address_shows_no_link(as_ada: Client, ada: User, person: str) -> None:
    services.issue_password_link(person_id=make_person("pat").pk, actor=acting(ada))
    answer = as_ada.get(LINKS, {"person": person})
    assert answer.status_code == 200
    assert _links(text(answer)) == []
