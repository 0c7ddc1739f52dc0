"""Limits for a person's searches, exports and refused pages, and for anonymous sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts import middleware
from apps.accounts.models import Session, User
from apps.consumers.models import RecordedSearch
from apps.core.web.sealed_entries import AUTHOR_FIELD
from apps.core.web.sign_in_first import SEALED_ENTRIES
from apps.history.models import Export
from sandbox.server.sandbox_server import SandboxServer
from tests.integration.test_export import entry
from tests.support.entries import on_page
from tests.support.people import PASSWORD, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
TO_SEARCH = {"search-email": "lee@example.com"}


def _as(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _search(client: Client) -> HttpResponse:
    return client.post("/submissions/", TO_SEARCH)  # type: ignore[return-value]  # the client's own class


def _find_order(client: Client) -> HttpResponse:
    return client.get(reverse("orders:orders"), {"order_number": "B94TXY-1"})  # type: ignore[return-value]  # as above


@pytest.mark.sql("new")
@pytest.mark.parametrize(("search", "typed"), [(_search, "lee@example.com"), (_find_order, "B94TXY-1")])
def test_searches_beyond_the_limit_are_refused_and_recorded_once(
    transactional_db: None,
    settings: Settings,
    sandbox: SandboxServer,
    search: Callable[[Client], HttpResponse],
    typed: str,
) -> None:
    settings.SEARCHES_PER_HOUR = 2
    sue = make_person("sue", "supervisor")
    answers = [search(_as(sue)) for _ in range(4)]  # in every session
    assert [answer.status_code for answer in answers[2:]] == [429, 429]
    assert all(answer.status_code in (200, 303) for answer in answers[:2])
    page = answers[2].content.decode()
    assert "You have searched too often" in page
    assert typed in page
    assert RecordedSearch.objects.count() == (2 if search is _search else 0)
    [event] = events("limit.reached")
    assert (event.actor_id, event.details, event.failure) == (str(sue.pk), {"what": "search"}, True)
    assert search(_as(make_person("sid", "supervisor"))).status_code != 429


def test_invalid_search_is_not_counted(settings: Settings, as_supervisor: Client) -> None:
    settings.SEARCHES_PER_HOUR = 1
    for _ in range(3):
        assert as_supervisor.post("/submissions/", {}).status_code == 200
    assert _search(as_supervisor).status_code == 303


def test_exports_beyond_the_limit_are_refused(settings: Settings, as_supervisor: Client) -> None:
    settings.EXPORTS_PER_HOUR = 1
    address = reverse("history:export")
    first = as_supervisor.post(address, entry())
    assert first.status_code == 303, first.context["errors"]
    second = as_supervisor.post(address, entry())
    assert second.status_code == 429
    assert "You have exported too often" in second.content.decode()
    assert Export.objects.count() == 1
    assert events("limit.reached")[0].details == {"what": "export"}


def test_audit_log_exports_are_counted(settings: Settings, as_administrator: Client) -> None:
    settings.EXPORTS_PER_HOUR = 0
    answer = as_administrator.post(reverse("audit:export"), {"format": "csv"})
    assert answer.status_code == 429
    assert "You have exported too often" in answer.content.decode()
    assert events("audit.export_started") == []


def test_denials_beyond_the_limit_are_not_recorded(settings: Settings, as_staff: Client) -> None:
    settings.DENIALS_PER_HOUR = 3
    answers = [as_staff.get("/people/") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429] * 3
    assert "too many pages for which you have no permission" in answers[-1].content.decode()
    assert len(events("access.denied")) == 3
    assert len(events("limit.reached")) == 1
    assert as_staff.get("/").status_code == 200


def test_anonymous_posts_create_a_limited_number_of_sessions() -> None:
    most = middleware.ANONYMOUS_SESSIONS.max_acts
    for _ in range(most + 10):
        answer = Client().post("/accounts/sign-out-elsewhere/")
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")
    assert Session.objects.count() == most
    for path in (
        "/accounts/login/",
        "/accounts/logout/",
        "/no/such/page/",
        NEW,
        "/accounts/set-password/MQ/x/",
    ):
        Client().post(path, {"login": "a", "password": "b", AUTHOR_FIELD: "forged"})
    assert Session.objects.count() == most
    elsewhere = Client(REMOTE_ADDR="192.0.2.9")
    elsewhere.post("/accounts/sign-out-elsewhere/")
    assert "Your session had ended" in elsewhere.get("/accounts/login/").content.decode()


def test_visitor_with_a_session_gets_no_second_one() -> None:
    visitor = Client()
    for _ in range(5):
        visitor.post("/accounts/sign-out-elsewhere/")
    assert Session.objects.count() == 1


def test_sealed_entries_of_a_person_have_a_limit_that_the_page_reports(as_staff: Client, staff: User) -> None:
    values = {AUTHOR_FIELD: str(as_staff.get(NEW).context["entry_of"]), "last_name": "Keptington"}
    sessions = Session.objects.count()
    most = SEALED_ENTRIES.max_acts
    last = None
    for number in range(most):
        last = Client(REMOTE_ADDR=f"192.0.2.{number}")  # one address of a whole office: not limited
        assert last.post(NEW, values).status_code == 302
    refused = Client().post(NEW, values)
    assert refused.status_code == 429
    assert "This page contains it." in refused.content.decode()
    assert on_page(refused) == values
    assert Session.objects.count() == sessions + most
    assert last is not None
    last.post("/accounts/login/", {"login": staff.username, "password": PASSWORD, "next": NEW})
    assert "Keptington" in last.get(NEW).content.decode()
