from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from pytest_django import Settings

from apps.core.web import readiness, views


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("marker-of-the-fault")


def without_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError("marker-of-the-database")


urlpatterns = [
    path("", include("apps.core.web.urls")),
    path("broken", broken),
    path("without-database", without_database),
]
handler500 = "apps.core.web.views.server_error"


@pytest.fixture
def browser(settings: Settings) -> Client:
    """A client without middleware and database: these views depend on neither."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    return Client(raise_request_exception=False)


@pytest.fixture
def request_id() -> Iterator[str]:
    with structlog.contextvars.bound_contextvars(request_id="3f9a01bc-77aa-4c5e-9a52-4f3a1a7a0b11"):
        yield "3f9a01bc"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, readiness.Check]:
    """Readiness checks whose own queries succeed, with an empty register."""
    register: dict[str, readiness.Check] = {}
    monkeypatch.setattr(readiness, "_checks", register)
    monkeypatch.setattr(readiness, "_database_answers", lambda: True)
    monkeypatch.setattr(readiness, "_migrations_applied", lambda: True)
    return register


def test_liveness_is_ok_without_database_session_and_sign_in(browser: Client) -> None:
    answer = browser.get("/healthz")
    assert (answer.status_code, answer.content, answer.cookies) == (200, b"ok", {})
    assert views.healthz.login_required is False  # type: ignore[attr-defined]  # Django's mark
    assert views.readyz.login_required is False  # type: ignore[attr-defined]


def test_readiness_runs_every_registered_check(browser: Client, checks: dict[str, readiness.Check]) -> None:
    asked: list[str] = []

    def answers_well(name: str) -> readiness.Check:
        def check() -> bool:
            asked.append(name)
            return True

        return check

    readiness.register("first", answers_well("first"))
    readiness.register("second", answers_well("second"))
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ready")
    assert asked == ["first", "second"]


def test_failed_readiness_has_no_details(browser: Client, checks: dict[str, readiness.Check]) -> None:
    readiness.register("static files", lambda: False)
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"not ready")


def test_lost_database_fails_readiness_and_stops_further_checks(
    checks: dict[str, readiness.Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> bool:
        raise OperationalError

    monkeypatch.setattr(readiness, "_database_answers", lost)
    readiness.register("never asked", lost)
    assert readiness.failures() == ["database"]


@pytest.mark.parametrize("silent_for", ["a moment", "ever"])
def test_silent_database_is_reported_within_two_seconds_and_the_next_request_checks_again(
    browser: Client, checks: dict[str, readiness.Check], monkeypatch: pytest.MonkeyPatch, silent_for: str
) -> None:
    """The driver may hang for longer than any health check waits: only another thread can time out."""
    answers, asked = threading.Event(), []

    def hangs() -> bool:
        asked.append(1)
        return answers.wait(20)

    monkeypatch.setattr(readiness, "_database_answers", hangs)
    assert readiness.TIMEOUT_SECONDS < 2
    begin = time.monotonic()
    assert browser.get("/readyz").status_code == 503
    if silent_for == "ever":
        assert browser.get("/readyz").status_code == 503
        assert asked == [1], "Who asks meanwhile does not start a thread of its own"
    assert time.monotonic() - begin < 10  # the database hangs for twenty
    answers.set()
    _the_round_ends()
    assert browser.get("/readyz").status_code == 200
    assert asked == [1, 1]


def _the_round_ends() -> None:
    for thread in threading.enumerate():
        if thread.name == "readiness":
            thread.join(20)


def test_fault_in_a_check_is_raised(checks: dict[str, readiness.Check]) -> None:
    readiness.register("faulty", lambda: bool(1 / 0))
    with pytest.raises(ZeroDivisionError):
        readiness.failures_in_time()


def test_fault_in_a_check_is_not_a_failed_check(checks: dict[str, readiness.Check]) -> None:
    readiness.register("faulty", lambda: bool(1 / 0))
    with pytest.raises(ZeroDivisionError):
        readiness.failures()


@pytest.mark.django_db
def test_migrated_database_is_ready_and_a_missing_migration_is_not() -> None:
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    assert readiness._database_answers()
    assert readiness._migrations_applied()
    MigrationRecorder(connection).record_applied("accounts", "9999_of_a_newer_version")
    assert readiness._migrations_applied()
    MigrationRecorder(connection).record_unapplied("accounts", "0001_initial")
    assert not readiness._migrations_applied()


def test_fault_page_needs_no_database_and_has_no_error_text(browser: Client, request_id: str) -> None:
    answer = browser.get("/broken")
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "The portal has an error" in page
    assert request_id in page
    assert "Practice – nothing reaches Sitecore CDP" in page
    assert "marker-of-the-fault" not in page


def test_lost_database_is_reported_as_temporary(browser: Client) -> None:
    answer = browser.get("/without-database")
    assert answer.status_code == 503
    assert "Try again in a few minutes" in answer.content.decode()


def test_missing_page_shows_its_support_code(rf: RequestFactory, request_id: str) -> None:
    answer = views.page_not_found(rf.get("/orders/marker-of-the-address"), Http404("marker-of-the-exception"))
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "Page not found" in page
    assert request_id in page
    assert "marker-of-the" not in page


@pytest.mark.parametrize(
    ("exception", "status", "words"),
    [
        (SuspiciousOperation("x"), 400, "The portal could not read this request"),
        (RequestDataTooBig("x"), 413, "The form is too large"),
    ],
)
def test_unreadable_request_and_too_large_request_have_different_pages(
    rf: RequestFactory, exception: Exception, status: int, words: str
) -> None:
    answer = views.bad_request(rf.post("/"), exception)
    assert answer.status_code == status
    assert words in answer.content.decode()


def test_form_of_another_session_is_refused_with_the_next_step(rf: RequestFactory, request_id: str) -> None:
    answer = views.csrf_failure(rf.post("/"), reason="marker-of-the-reason")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "nothing was sent to Sitecore CDP" in page
    assert request_id in page
    assert "marker-of-the-reason" not in page
