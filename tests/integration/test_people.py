"""The pages of people and roles, one's own account, the one-time link, and refusals."""

from __future__ import annotations

import datetime as dt
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings
from structlog.stdlib import ProcessorFormatter

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, PERSONAL_DATA_EXPORT, STAFF, SUPERVISOR
from apps.accounts.services import ActRefusedError, PersonDetails
from apps.batches.models import BatchState
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Outcome
from apps.history.models import State
from tests.support.batch_sending import stored_batch
from tests.support.entries import FULL, store
from tests.support.export_rows import stored
from tests.support.people import PASSWORD, TESTS, acting, events, make_person

pytestmark = pytest.mark.sql("repeated")

NEW = "the rain in a long walk"
NO_PERSON = "Enter another full name. In the audit log, this one stands for the portal or a visitor."
NAMES_OF_NO_PERSON = (
    "System:worker",
    "\uff33ystem\uff1a worker",  # full width
    "sys\u200dtem :worker",  # an invisible joiner between letters
    "The portal (worker)",
    "THE  PORTAL",
    "The p\u00f3rtal [worker]",
    "a visitor",
)


@pytest.fixture(autouse=True)
def _no_attempts_before(db: None) -> None:
    cache.clear()


@pytest.fixture
def ada() -> User:
    make_person("other", ADMINISTRATOR)
    return make_person("ada", ADMINISTRATOR)


@pytest.fixture
def as_ada(ada: User) -> Client:
    return _as(ada)


def _as(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _page(client: Client, person: User) -> str:
    return client.get(reverse("accounts:person", args=[person.pk])).content.decode()


def _link(client: Client, person: User) -> str:
    answer = client.post(reverse("accounts:issue_password_link", args=[person.pk]), follow=True)
    page = answer.content.decode()
    [link] = re.findall(r'<p class="mono">http://testserver(/accounts/set-password/\S+)</p>', page)
    return str(link)


def test_administrator_adds_a_person_who_then_sets_a_password_and_signs_in(as_ada: Client) -> None:
    added = as_ada.post(
        "/people/new/",
        {"username": "pat", "name": "Pat Person", "time_zone": "Europe/Dublin", "roles": [STAFF, SUPERVISOR]},
    )
    pat = User.objects.get(username="pat")
    assert added["Location"] == f"/people/{pat.pk}/"
    assert pat.roles == (STAFF, SUPERVISOR)
    assert "Active, no password yet" in _page(as_ada, pat)

    stranger = Client()
    moved = stranger.get(_link(as_ada, pat))
    answer = stranger.post(moved["Location"], {"new_password": NEW, "new_password_again": NEW})
    assert answer["Location"] == "/accounts/login/"
    signed_in = stranger.post("/accounts/login/", {"login": "pat", "password": NEW})
    assert signed_in.status_code == 302
    [event] = events("person.password_set")[-1:]
    assert (event.person, event.actor_id) == (str(pat.pk), str(pat.pk))


def test_list_shows_all_people_and_their_roles(as_ada: Client) -> None:
    gone = make_person("gone", STAFF, SUPERVISOR)
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    page = as_ada.get("/people/").content.decode()
    for words in ("Ada Person", "Gone Person", "Staff, Supervisor", "Deactivated", "Never signed in"):
        assert words in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("username", "", "Enter the user name"),
        ("username", "pat smith", "Use only the letters a to z, digits and . _ - @ + in the user name"),
        ("username", "ADA", "Another person has this user name"),
        ("name", " ", "Enter the full name"),
        *(("name", name, NO_PERSON) for name in NAMES_OF_NO_PERSON),
        ("time_zone", "Mars/Olympus", "Choose a time zone from the list"),
        ("roles", "superuser", "Choose roles from the list"),
    ],
)
def test_form_shows_instructions(as_ada: Client, field: str, value: str, message: str) -> None:
    entry = {"username": "pat", "name": "Pat Person", "time_zone": "", "roles": STAFF, field: value}
    page = as_ada.post("/people/new/", entry).content.decode()
    assert page.count(message) == 2  # in the summary and at the field
    assert "<title>Error: Add a person" in page
    assert not User.objects.filter(username="pat").exists()


@pytest.mark.sql("new")
def test_name_and_time_zone_can_be_changed(as_ada: Client) -> None:
    pat = make_person("pat")
    as_ada.post(f"/people/{pat.pk}/", {"name": "Pat Other", "time_zone": "Asia/Tokyo"})
    pat.refresh_from_db()
    assert (pat.name, pat.time_zone) == ("Pat Other", "Asia/Tokyo")
    page = as_ada.post(f"/people/{pat.pk}/", {"name": "", "time_zone": ""}).content.decode()
    assert "Enter the full name" in page


def _typed(page: Any, **values: str) -> dict[str, str]:
    """What a browser sends of the form on the page of a person, with these values typed."""
    form = page.context["form"]
    shown = {field.html_name: field.value() or "" for field in form}
    hidden = re.findall(r'type="hidden" name="(shown-\w+)" value="([^"]*)"', page.content.decode())
    assert len(hidden) == 3
    return {**shown, **{name: unescape(value) for name, value in hidden}, **values}


def _details(person: User) -> PersonDetails:
    stored = User.objects.get(pk=person.pk)
    return PersonDetails(stored.name, stored.time_zone, stored.email)


def test_save_changes_only_what_differs_from_what_was_shown(as_ada: Client) -> None:
    pat = make_person("pat", time_zone="Asia/Tokyo")
    url = f"/people/{pat.pk}/"
    opened = as_ada.get(url)
    services.choose_time_zone(person_id=pat.pk, time_zone="Europe/Dublin", actor=acting(pat))
    details = PersonDetails("Pat Person", "Europe/Dublin", "pat@example.com")
    services.change_person(person_id=pat.pk, details=details, actor=TESTS)
    refused = as_ada.post(url, _typed(opened, name=""))  # the page again keeps what was shown
    assert as_ada.post(url, _typed(refused, name="Pat Other")).status_code == 302
    assert _details(pat) == PersonDetails("Pat Other", "Europe/Dublin", "pat@example.com")
    assert events("person.changed")[-1].details["fields"] == ["name"]
    as_ada.post(url, _typed(as_ada.get(url), time_zone="", email=""))
    assert _details(pat) == PersonDetails("Pat Other")


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("field", "before", "theirs", "typed", "shown"),
    [
        ("name", "Pat Person", "Pat O'Hara", "Pat Other", "Full name: changed to “Pat O'Hara”"),
        ("email", "pat@example.com", "", "other@example.com", "Email address: removed"),
        ("time_zone", "Asia/Tokyo", "America/New_York", "Europe/Dublin", "changed to “America/New York”"),
        ("time_zone", "Asia/Tokyo", "", "Europe/Dublin", "changed to “The portal's own (Europe/London)”"),
    ],
)
def test_save_of_a_field_that_somebody_else_changed_is_refused_until_its_author_has_seen_that(
    as_ada: Client, settings: Settings, field: str, before: str, theirs: str, typed: str, shown: str
) -> None:
    settings.TIME_ZONE = "Europe/London"
    pat = make_person("pat")
    details = replace(PersonDetails("Pat Person", "Africa/Cairo", "pat@example.com"), **{field: before})
    services.change_person(person_id=pat.pk, details=details, actor=TESTS)
    other = "name" if field == "email" else "email"
    typed_other = {"name": "Pat Third", "email": "third@example.com"}[other]
    opened = as_ada.get(f"/people/{pat.pk}/")
    changed = replace(details, **{field: theirs})
    services.change_person(person_id=pat.pk, details=changed, actor=TESTS)
    answer = as_ada.post(f"/people/{pat.pk}/", _typed(opened, **{field: typed, other: typed_other}))
    assert answer.status_code == 200
    assert _details(pat) == changed
    page = unescape(answer.content.decode())
    assert (
        page.count(f"{shown} since you opened the page. Nothing was saved. Save again to ") == 2
    )  # in the summary and at the field
    assert "<title>Error: " in page
    again = _typed(answer)
    assert (again[field], again[other]) == (typed, typed_other)
    services.change_person(person_id=pat.pk, details=replace(changed, **{field: before}), actor=TESTS)
    assert as_ada.post(f"/people/{pat.pk}/", again).status_code == 200  # changed once more
    services.change_person(person_id=pat.pk, details=changed, actor=TESTS)
    assert as_ada.post(f"/people/{pat.pk}/", again).status_code == 302
    assert _details(pat) == replace(changed, **{field: typed, other: typed_other})
    event = events("person.changed")[-1].details
    assert (event[f"{field}_before"], event[f"{field}_after"]) == (theirs, typed)


def test_save_of_what_somebody_else_has_saved_too_is_no_conflict(as_ada: Client) -> None:
    pat = make_person("pat")
    opened = as_ada.get(f"/people/{pat.pk}/")
    services.change_person(person_id=pat.pk, details=PersonDetails("Pat Other"), actor=TESTS)
    before = len(events("person.changed"))
    assert as_ada.post(f"/people/{pat.pk}/", _typed(opened, name="Pat Other")).status_code == 302
    assert len(events("person.changed")) == before


def test_each_act_has_a_button_with_its_name(as_ada: Client) -> None:
    pat = make_person("pat", STAFF)
    page = _page(as_ada, pat)
    assert _buttons(page) >= {"Revoke Staff", "Grant Supervisor", "Sign out Pat Person everywhere"}
    assert f'href="/people/{pat.pk}/deactivate/"' in page
    assert "Deactivate Pat Person" in _buttons(as_ada.get(f"/people/{pat.pk}/deactivate/").content.decode())
    as_ada.post(f"/people/{pat.pk}/grant/supervisor/")
    as_ada.post(f"/people/{pat.pk}/revoke/staff/")
    as_ada.post(f"/people/{pat.pk}/deactivate/")
    pat = User.objects.get(pk=pat.pk)
    assert (pat.roles, pat.is_active) == ((SUPERVISOR,), False)
    assert "Reactivate Pat Person" in _buttons(_page(as_ada, pat))
    as_ada.post(f"/people/{pat.pk}/reactivate/")
    assert User.objects.get(pk=pat.pk).is_active


def _buttons(page: str) -> set[str]:
    return {" ".join(words.split()) for words in re.findall(r"<button[^>]*>([^<]+)</button>", page)}


def test_own_page_offers_no_roles_and_no_deactivation_and_the_addresses_refuse_them(
    as_ada: Client, ada: User
) -> None:
    buttons = _buttons(_page(as_ada, ada))
    assert not any(words.startswith(("Grant", "Revoke", "Deactivate", "Sign out A")) for words in buttons)
    assert "/deactivate/" not in _page(as_ada, ada)
    assert as_ada.get(f"/people/{ada.pk}/deactivate/")["Location"] == f"/people/{ada.pk}/"
    for act in ("grant/staff", "revoke/administrator", "deactivate"):
        page = as_ada.post(f"/people/{ada.pk}/{act}/", follow=True).content.decode()
        assert "You cannot" in page
        assert "Another administrator can." in page
    ada = User.objects.get(pk=ada.pk)
    assert (ada.roles, ada.is_active) == ((ADMINISTRATOR,), True)


def test_missing_person_or_role_is_not_found(as_ada: Client) -> None:
    pat = make_person("pat")
    assert as_ada.get("/people/999999999999999999999/").status_code == 404
    assert as_ada.post("/people/999/deactivate/").status_code == 404
    assert as_ada.post(f"/people/{pat.pk}/grant/emperor/").status_code == 404
    assert as_ada.post(f"/people/{pat.pk}/revoke/emperor/").status_code == 404


def test_no_act_accepts_get(as_ada: Client) -> None:
    pat = make_person("pat", STAFF)
    for act in ("grant/supervisor", "revoke/staff", "reactivate", "password-link", "sign-out", "unlock"):
        assert as_ada.get(f"/people/{pat.pk}/{act}/").status_code == 405
    assert as_ada.get("/accounts/sign-out-elsewhere/").status_code == 405
    as_ada.get(f"/people/{pat.pk}/deactivate/")
    assert User.objects.get(pk=pat.pk).is_active


@pytest.mark.parametrize("roles", [(), (STAFF,), (SUPERVISOR,), (STAFF, SUPERVISOR)])
def test_only_an_administrator_sees_people_and_each_denial_is_recorded_once(roles: tuple[str, ...]) -> None:
    pat = make_person("pat", *roles)
    client = _as(pat)
    denied = client.get("/people/")
    assert denied.status_code == 403
    assert "You do not have permission to open this page" in denied.content.decode()
    [event] = events("access.denied")
    assert event.person is None
    assert event.actor_id == str(pat.pk)
    assert event.details == {
        "permission": "accounts.manage_people",
        "method": "GET",
        "view": "accounts:people",
    }
    assert event.request_id is not None
    assert event.request_id[:8] in denied.content.decode()  # the support code
    client.post(f"/people/{pat.pk}/grant/administrator/")
    assert User.objects.get(pk=pat.pk).roles == roles
    assert len(events("access.denied")) == 2


def test_anonymous_requests_lead_to_the_sign_in(client: Client) -> None:
    for path in ("/people/", "/people/new/", "/people/1/", "/accounts/password/", "/accounts/profile/"):
        assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    assert events("access.denied") == []


# --- The list -------------------------------------------------------------------------------------
def _listed(client: Client, query: str) -> list[str]:
    page = client.get(f"/people/?{query}").content.decode()
    return re.findall(r'<a href="/people/\d+/"><bdi translate="no">([^<]+)</bdi>', page)


@pytest.mark.sql("new")
def test_list_is_searched_by_parts_of_name_user_name_and_email_address(as_ada: Client) -> None:
    zoe = make_person("zoe.b", STAFF)
    details = PersonDetails("Zoë Łukasz O’Brien", email="desk-4@example.com")
    services.change_person(person_id=zoe.pk, details=details, actor=TESTS)
    for words in ("zoe", "LUKASZ", "o'brien zoë", "zoe.b", "desk-4@example", "  brien   ZOE "):
        assert _listed(as_ada, urlencode({"q": words})) == ["Zoë Łukasz O’Brien"]
    for words in ("zoe person", "%", "_", "zoe\\", "' OR 1=1", "é" * 200):
        assert _listed(as_ada, urlencode({"q": words})) == []


@pytest.mark.sql("new")
def test_list_is_filtered_by_role_and_state(as_ada: Client, ada: User) -> None:
    make_person("staff1", STAFF)
    blocked = make_person("blocked", STAFF, SUPERVISOR)
    gone = make_person("gone", SUPERVISOR)
    make_person("nora", password="")
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    now = dt.datetime.now(dt.UTC)
    User.objects.filter(pk=blocked.pk).update(sign_in_blocked_at=now, last_login=now)
    shown = {
        "role=staff": ["Blocked Person", "Staff1 Person"],
        "role=supervisor": ["Blocked Person", "Gone Person"],
        "role=none": ["Nora Person"],
        "state=deactivated": ["Gone Person"],
        "state=blocked": ["Blocked Person"],
        "state=no_password": ["Nora Person"],
        "state=never&role=staff": ["Staff1 Person"],
        "state=signed_in": ["Ada Person"],
        "state=active&role=supervisor": ["Blocked Person"],
        "role=staff&state=blocked&q=nobody": [],
    }
    assert {query: _listed(as_ada, query) for query in shown} == shown
    page = as_ada.get("/people/?role=staff&state=blocked&q=block").content.decode()
    assert page.count("Remove the filter") == 3


@pytest.mark.parametrize("query", ["role=emperor", "state=asleep", "q=" + "x" * 201, "q=%00", "q=%ff"])
def test_filter_that_cannot_be_read_is_an_error_and_no_list(as_ada: Client, query: str) -> None:
    answer = as_ada.get(f"/people/?{query}")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<title>Error: People" in page
    assert _listed(as_ada, query) == []


@pytest.mark.parametrize("number", ["0", "-1", "x", "999999", "9" * 30, "1.5"])
def test_odd_page_number_shows_a_page(as_ada: Client, number: str) -> None:
    assert "Ada Person" in as_ada.get("/people/", {"page": number}).content.decode()


@pytest.mark.sql("new")
def test_thousand_people_are_paged_with_as_many_queries_as_two(
    as_ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    as_ada.get("/people/")
    with CaptureQueriesContext(connection) as of_two:
        as_ada.get("/people/?q=person&state=active")
    group = Group.objects.get(name=STAFF)
    users = [User(username=f"u{n}", name=f"Numbered {n:04}", password="!") for n in range(1_000)]
    User.objects.bulk_create(users)
    through = User.groups.through
    through.objects.bulk_create(through(user_id=user.pk, group_id=group.pk) for user in users)
    with django_assert_max_num_queries(len(of_two)):
        page = as_ada.get("/people/?q=numbered&state=active").content.decode()
    assert page.count('<a href="/people/') >= 50
    assert "1000 people" in page
    seen: list[str] = []
    address = "/people/?q=numbered"
    while address:
        page = as_ada.get(address).content.decode()
        seen += re.findall(r">(Numbered \d+)<", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(following[1]) if following else ""
    assert seen == [f"Numbered {n:04}" for n in range(1_000)]


# --- One person -----------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_page_leads_to_the_trail_of_the_person_in_the_log(as_ada: Client) -> None:
    pat = make_person("pat", STAFF)
    page = _page(as_ada, pat)
    for query in (f"/audit/?group=all&amp;person={pat.pk}", f"/audit/?group=all&amp;account={pat.pk}"):
        assert query in page
        assert as_ada.get(unescape(query)).status_code == 200


@pytest.mark.sql("new")
def test_deactivation_says_what_it_does_and_asks(as_ada: Client, ada: User) -> None:
    pat = make_person("pat", STAFF)
    _as(pat).get("/accounts/profile/")
    services.issue_password_link(person_id=pat.pk, actor=acting(ada))
    store(pat, Outcome.CREATED)
    store(pat, Outcome.UNKNOWN)
    store(pat, Outcome.UNKNOWN, replace(FULL, last_name="Other"))
    drafts.save(DraftMark.new(), {"last_name": "Zed"}, person_id=pat.pk)
    page = " ".join(as_ada.get(f"/people/{pat.pk}/deactivate/").content.decode().split())
    for words in (
        "1 open session ends.",
        "The link to set a password that Ada Person issued stops working.",
        "2 outcomes are unknown.",
        "1 draft is not sent.",
        "After 7 days without a change it is deleted.",
        "A check may find them; otherwise supervisors resolve them.",
    ):
        assert words in page
    assert "Zed" not in page
    assert User.objects.get(pk=pat.pk).is_active
    as_ada.post(f"/people/{pat.pk}/deactivate/")
    assert not User.objects.get(pk=pat.pk).is_active
    assert as_ada.get(f"/people/{pat.pk}/deactivate/")["Location"] == f"/people/{pat.pk}/"
    [event] = events("person.deactivated")
    page = as_ada.get(f"/audit/{event.seq}/").content.decode()
    assert re.search(r"State</th>.*active.*deactivated", page, re.DOTALL)


def test_deactivation_says_what_becomes_of_lists_of_people(as_ada: Client) -> None:
    pat, other = make_person("pat", STAFF), make_person("sue", STAFF)
    stored_batch(pat, BatchState.SENDING)
    stored_batch(other, BatchState.SENDING)
    for state in (BatchState.PAUSED, BatchState.PAUSED, BatchState.CHECKED, BatchState.FINISHED):
        stored_batch(pat, state)
    page = " ".join(as_ada.get(f"/people/{pat.pk}/deactivate/").content.decode().split())
    assert "1 list is being sent.</strong> It is paused before its next row." in page
    assert "2 lists are paused.</strong> A supervisor can stop them." in page
    assert "can be resumed only after the person is reactivated" in page


def _said_about_revoking(page: str) -> dict[str, str]:
    """By role, what the page says that revoking it stops."""
    said = re.findall(
        r"Revoke ([\w ]+)</button>(?:(?!Revoke|Grant).)*?<p>Revoking it (.*?)</p>", page, re.DOTALL
    )
    return {role: " ".join(re.sub("<[^>]*>", "", text).split()) for role, text in said}


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("personal", "roles"), [(False, ["Supervisor"]), (True, ["Supervisor", "Export of personal data"])]
)
def test_revoking_a_role_says_what_becomes_of_running_exports(
    as_ada: Client, personal: bool, roles: list[str]
) -> None:
    pat = make_person("pat", STAFF, SUPERVISOR, PERSONAL_DATA_EXPORT)
    assert _said_about_revoking(_page(as_ada, pat)) == {}
    stored(pat, State.RUNNING, personal=personal, reason="complaint" if personal else "")
    assert _said_about_revoking(_page(as_ada, pat)) == dict.fromkeys(
        roles,
        "stops open work of this person. 1 export is running. It is ended within a few seconds, and its file"
        " stays incomplete.",
    )


@pytest.mark.sql("new")
def test_revoking_a_role_says_what_becomes_of_lists_unless_another_role_allows_them(as_ada: Client) -> None:
    pat = make_person("pat", STAFF)
    stored_batch(pat, BatchState.SENDING)
    said = _said_about_revoking(_page(as_ada, pat))
    assert [*said] == ["Staff"]
    assert "1 list is being sent. It is paused before its next row" in said["Staff"]
    services.grant_role(person_id=pat.pk, role=SUPERVISOR, actor=TESTS)
    assert _said_about_revoking(_page(as_ada, pat)) == {}


@pytest.mark.parametrize("email", ["no address", "a@", "x" * 190 + "@example.com", "a@b.ie\x00", "<b>@c.d"])
def test_wrong_email_address_is_an_error(as_ada: Client, email: str) -> None:
    pat = make_person("pat", STAFF)
    answer = as_ada.post(f"/people/{pat.pk}/", {"name": "Pat Person", "time_zone": "", "email": email})
    assert "<title>Error: " in answer.content.decode()
    assert User.objects.get(pk=pat.pk).email == ""
    assert events("person.changed") == []


# --- The one-time link ----------------------------------------------------------------------------
def test_token_is_removed_from_the_address_and_opening_the_link_does_not_use_it_up(as_ada: Client) -> None:
    pat = make_person("pat", password="")
    link = _link(as_ada, pat)
    token = link.rstrip("/").rsplit("/", 1)[1]
    for _ in range(2):
        visitor = Client()
        moved = visitor.get(link)
        assert moved.status_code == 302
        assert token not in moved["Location"]
        page = visitor.get(moved["Location"])
        assert page.status_code == 200
        assert token not in page.content.decode()
        assert "no-store" in page["Cache-Control"]


def test_no_log_line_contains_the_token_of_a_link(as_ada: Client, settings: Settings) -> None:
    structured = {**settings.LOGGING["formatters"]["structured"]}
    structured.pop("()")
    lines = StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(ProcessorFormatter(**structured))
    link = _link(as_ada, make_person("pat", password=""))
    logging.getLogger().addHandler(handler)
    try:
        Client().get(link)
        logging.getLogger("a.library").error("Internal Server Error: %s", link)
    finally:
        logging.getLogger().removeHandler(handler)
    assert "Internal Server Error: /accounts/set-password/" in lines.getvalue()
    assert link.rstrip("/").rsplit("/", 1)[1] not in lines.getvalue()


@pytest.mark.sql("new")
def test_used_link_is_reported(as_ada: Client) -> None:
    pat = make_person("pat", password="")
    link = _link(as_ada, pat)
    first, second = Client(), Client()
    address = first.get(link)["Location"]
    second.get(link)
    first.post(address, {"new_password": NEW, "new_password_again": NEW})
    late = second.post(
        address, {"new_password": "somebody else again", "new_password_again": "somebody else again"}
    )
    for answer in (late, Client().get(link)):
        assert answer.status_code == 410
        assert "This link no longer works" in answer.content.decode()
    assert User.objects.get(pk=pat.pk).check_password(NEW)


def test_page_whose_session_has_ended_says_to_open_the_link_again(as_ada: Client) -> None:
    pat = make_person("pat", password="")
    link = _link(as_ada, pat)
    visitor = Client()
    address = visitor.get(link)["Location"]
    visitor.cookies.clear()  # as when the browser is closed, or the idle time is over
    unknown = reverse("password_link", args=["OTk5OTk5", "form"])
    answers = [visitor.get(address), visitor.post(address, {"new_password": NEW}), visitor.get(unknown)]
    for answer in answers:
        assert answer.status_code == 410
        assert "Open the link in the message again" in answer.content.decode()
    page = visitor.get(link, follow=True)
    visitor.post(page.redirect_chain[-1][0], {"new_password": NEW, "new_password_again": NEW})
    assert User.objects.get(pk=pat.pk).check_password(NEW)


def test_link_of_one_person_does_not_open_the_account_of_another(as_ada: Client) -> None:
    pat, max_ = make_person("pat"), make_person("max")
    visitor = Client()
    visitor.get(_link(as_ada, pat))
    address = reverse("password_link", args=[_link(as_ada, max_).split("/")[3], "form"])
    assert visitor.post(address, {"new_password": NEW, "new_password_again": NEW}).status_code == 410
    assert User.objects.get(pk=max_.pk).check_password(PASSWORD)


@pytest.mark.parametrize(
    ("password", "again", "message"),
    [
        ("", "", "Enter the new password"),
        ("short", "short", "at least 15 characters"),
        (NEW, "something else", "Enter the same password in both fields"),
        ("123456789012345", "123456789012345", "easy to guess"),
        ("practice-pat-2026", "practice-pat-2026", "easy to guess"),
    ],
)
def test_weak_or_mistyped_password_is_not_set(
    as_ada: Client, password: str, again: str, message: str
) -> None:
    pat = make_person("pat", password="")
    visitor = Client()
    address = visitor.get(_link(as_ada, pat))["Location"]
    answer = visitor.post(address, {"new_password": password, "new_password_again": again})
    assert message in answer.content.decode()
    assert not User.objects.get(pk=pat.pk).has_usable_password()


def test_no_link_is_issued_for_a_deactivated_person(as_ada: Client) -> None:
    pat = make_person("pat")
    services.deactivate_person(person_id=pat.pk, actor=TESTS)
    page = as_ada.post(f"/people/{pat.pk}/password-link/", follow=True).content.decode()
    assert "This person is deactivated. Reactivate them first." in page
    assert "set-password" not in page


# --- One's own account ----------------------------------------------------------------------------
def test_new_password_ends_the_other_sessions_and_not_this_one() -> None:
    pat = make_person("pat", STAFF)
    here, elsewhere = _as(pat), _as(pat)
    entry = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    assert here.post("/accounts/password/", entry)["Location"] == "/accounts/profile/"
    assert here.get("/accounts/profile/").status_code == 200
    assert elsewhere.get("/accounts/profile/").status_code == 302
    assert User.objects.get(pk=pat.pk).check_password(NEW)
    assert events("person.password_set")[-1].actor_id == str(pat.pk)


def test_new_password_needs_the_current_one_and_guessing_is_limited() -> None:
    client = _as(make_person("pat"))
    entry = {"current_password": "wrong", "new_password": NEW, "new_password_again": NEW}
    answers = [client.post("/accounts/password/", entry) for _ in range(6)]
    assert "The current password is incorrect" in answers[0].content.decode()
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


@pytest.mark.sql("new")
def test_each_page_names_the_zone_of_its_times() -> None:
    client = Client()
    client.force_login(make_person("pat", STAFF, time_zone="Asia/Tokyo"))
    assert "<p>Times: Asia/Tokyo</p>" in client.get("/").content.decode()
    assert "Times:" not in Client().get("/accounts/login/").content.decode()


@pytest.mark.parametrize("name", ["Europe/Gone", "Europe"])
def test_person_whose_zone_this_machine_lacks_sees_times_in_the_portals_zone(name: str) -> None:
    client = Client()
    client.force_login(make_person("pat", STAFF, time_zone=name))
    assert "<p>Times: UTC</p>" in client.get("/").content.decode()


@pytest.mark.sql("new")
def test_person_can_change_only_their_time_zone() -> None:
    pat = make_person("pat", STAFF)
    client = _as(pat)
    client.post("/accounts/profile/", {"time_zone": "Asia/Tokyo", "name": "King Pat", "roles": ADMINISTRATOR})
    pat = User.objects.get(pk=pat.pk)
    assert (pat.time_zone, pat.name, pat.roles) == ("Asia/Tokyo", "Pat Person", (STAFF,))


# --- Concurrent acts ------------------------------------------------------------------------------
@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["deactivate", "revoke"])
def test_two_administrators_who_remove_each_other_concurrently_leave_one(act: str) -> None:
    one, two = make_person("one", ADMINISTRATOR), make_person("two", ADMINISTRATOR)
    refused: list[ActRefusedError] = []

    def remove(person: User, by: User) -> None:
        if act == "deactivate":
            services.deactivate_person(person_id=person.pk, actor=acting(by))
        else:
            services.revoke_role(person_id=person.pk, role=ADMINISTRATOR, actor=acting(by))

    _at_once(refused, lambda: remove(one, two), lambda: remove(two, one))
    left = User.objects.filter(is_active=True, groups__name=ADMINISTRATOR)
    assert left.count() == 1
    assert [error.refusal for error in refused] == [services.Refusal.LAST_ADMINISTRATOR]


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_link_used_twice_concurrently_works_once() -> None:
    pat = make_person("pat", password="")
    _, token = services.issue_password_link(person_id=pat.pk, actor=TESTS)
    refused: list[ActRefusedError] = []

    def use(password: str) -> None:
        services.set_password_by_link(person_id=pat.pk, token=token, password=password, actor=TESTS)

    _at_once(refused, lambda: use(NEW), lambda: use("somebody else again"))
    assert len(refused) == 1
    assert len(events("person.password_set")) == 1


def _at_once(refused: list[ActRefusedError], *acts: Callable[[], None]) -> None:
    """Run the acts in threads that start together; returns the refusals."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        try:
            start.wait(timeout=10)
            act()
        except ActRefusedError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
