"""A real browser over the portal in this process, and over a separate sandbox for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandlerMixin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from playwright.sync_api import Playwright, sync_playwright
from pytest_django import DjangoDbBlocker, Settings
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers import identity_rules
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.traces import Traces
from tests.e2e.windows import ReusedContexts, Windows
from tests.support.browser import ARGUMENTS, find_chromium, find_firefox
from tests.support.markers import logged_at_debug
from tests.support.people import TESTS
from tests.support.requests_under_way import RequestsUnderWay

# Its start takes seconds, so one process runs all tests in Firefox.
ONE_FIREFOX = pytest.mark.xdist_group("firefox")
IN_BOTH_ENGINES = pytest.mark.parametrize(
    "engine",
    ["chromium", pytest.param("firefox", marks=ONE_FIREFOX)],
    indirect=True,
)
# Firefox over WebDriver BiDi cannot turn scripts off.
IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT = pytest.mark.parametrize(
    ("engine", "javascript"),
    [
        pytest.param("chromium", True, id="chromium"),
        pytest.param("chromium", False, id="no_script"),
        pytest.param("firefox", True, id="firefox", marks=ONE_FIREFOX),
    ],
    indirect=["engine"],
)
IN_FIREFOX = [
    pytest.mark.parametrize("engine", ["firefox"], indirect=True),
    ONE_FIREFOX,
]
FIREFOX_SETTINGS: dict[str, str | float | bool] = {
    # On a busy machine Firefox does not always count injected keys as the interaction that its prompt
    # requires.
    "dom.require_user_interaction_for_beforeunload": False,
}

_windows = itertools.count(1)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver of both browsers.

    Playwright runs an event loop in this thread, so Django would refuse its database here although no
    coroutine ever runs; the environment variable allows it for these tests only.
    """
    patch = pytest.MonkeyPatch()
    patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as driver:
        yield driver
    patch.undo()


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[ReusedContexts]:
    """One Chromium for all tests."""
    path = find_chromium()
    if path is None:
        pytest.skip("There is no Chromium (Debian: apt-get install chromium-headless-shell)")
    browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    yield ReusedContexts(browser)
    browser.close()


@pytest.fixture(scope="package")
def firefox(playwright: Playwright) -> Iterator[ReusedContexts]:
    """One unmodified Firefox for all tests, over WebDriver BiDi (W3C)."""
    path = find_firefox()
    if path is None:
        pytest.skip("There is no Firefox (Debian: apt-get install firefox-esr)")
    browser = playwright.firefox.launch(
        channel="moz-firefox", executable_path=path, firefox_user_prefs=FIREFOX_SETTINGS
    )
    browser.new_page().close()  # the first page takes seconds
    yield ReusedContexts(browser)
    browser.close()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> ReusedContexts:
    """The browser of a test: Chromium, unless the test is parametrized."""
    browser: ReusedContexts = request.getfixturevalue(getattr(request, "param", "chromium"))
    return browser


@pytest.fixture(scope="package", autouse=True)
def _static_files_are_cached() -> Iterator[None]:
    """Let the browser keep styles and scripts, as in production; by default it asks again on each page."""
    serve = StaticFilesHandlerMixin.serve

    def serve_with_lifetime(handler: StaticFilesHandlerMixin, request: HttpRequest) -> HttpResponseBase:
        response = serve(handler, request)
        response["Cache-Control"] = "max-age=3600"
        return response

    with mock.patch.object(StaticFilesHandlerMixin, "serve", serve_with_lifetime):
        yield


@pytest.fixture(scope="package")
def traces(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Traces]:
    """Log everything at DEBUG into a file. After the last test, search it for typed text."""
    left = Traces(tmp_path_factory.mktemp("logs"))
    with left.portal_log.open("w") as log, logged_at_debug(log):
        yield left
    with django_db_blocker.unblock():
        left.search_after_all()
    assert left.found() == []


@pytest.fixture
def sandbox(tmp_path: Path, seeded: Path, settings: Settings, traces: Traces) -> Iterator[SandboxServer]:
    """A sandbox for this test that writes the same log as the one of ``make run``."""
    data = Path(shutil.copy(seeded, tmp_path / "sandbox.sqlite3"))
    with SandboxServer(data=data, report=traces.of_sandbox.append) as server:
        settings.CDP_BASE_URL = server.base_url
        yield server


@pytest.fixture
def windows(
    *,
    engine: ReusedContexts,
    live_server: LiveServer,
    sandbox: SandboxServer,
    settings: Settings,
    traces: Traces,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Windows]:
    """Opens browser windows onto the portal. A test fails on any console error or failed request.

    It also fails if text typed about a consumer is readable in the database or in the output. This is checked
    after each test, because the tables are then emptied.
    """
    # Browser contexts are used again. A page that is closed may send its draft a moment later, and the answer
    # removes the cookie of a session that is gone: it must not be that of the next test.
    settings.SESSION_COOKIE_NAME = f"session_{next(_windows)}"
    for name, provider in (("Profile system", "ProfileSystem"), ("Loyalty", "LoyaltyProgramme")):
        identity_rules.add_rule(name=name, provider=provider, actor=TESTS)
    under_way = RequestsUnderWay()
    opened = Windows(engine, live_server.url)
    yield opened
    opened.close()
    # The order beside a form may still be read: its row would be stored among those of the next test.
    assert under_way.wait_until_answered(seconds=10)
    under_way.disconnect()
    traces.seen += opened.requests
    traces.search_after_a_test()
    printed = capfd.readouterr()
    traces.note_printed(*printed)
    sys.stdout.write(printed.out)
    sys.stderr.write(printed.err)
    assert opened.complaints == []
    assert traces.found() == []


def actions_of(person: User) -> list[str]:
    """The audited actions of a person, oldest first."""
    events = AuditEvent.objects.filter(actor_id=str(person.pk)).order_by("seq")
    return [event.action for event in events]
