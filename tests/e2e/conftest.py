"""A real browser over the portal in this process, and over a sandbox of each test's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from pytest_django import DjangoDbBlocker, Settings
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers import identity_rules
from apps.sandbox.server import SandboxServer
from tests.browser import ARGUMENTS, find_chromium
from tests.e2e.traces import Traces
from tests.e2e.windows import Kept, Windows
from tests.markers import logged_at_debug
from tests.unit.accounts.people import TESTS


@pytest.fixture(scope="package")
def chromium() -> Iterator[Kept]:
    """One browser for all tests.

    Playwright keeps an event loop in this thread, which makes Django refuse its database here, although no
    coroutine ever runs: hence the variable, for these tests alone.
    """
    path = find_chromium()
    if path is None:
        pytest.skip("There is no Chromium (Debian: apt-get install chromium)")
    patch = pytest.MonkeyPatch()
    patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield Kept(browser)
        browser.close()
    patch.undo()


@pytest.fixture(scope="package")
def traces(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Traces]:
    """Every logger at DEBUG, into a file. After the last test nothing that was typed is found anywhere."""
    left = Traces(tmp_path_factory.mktemp("logs"))
    with left.portal_log.open("w") as log, logged_at_debug(log):
        yield left
    with django_db_blocker.unblock():
        left.look_after_all()
    assert left.found() == []


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings, traces: Traces) -> Iterator[SandboxServer]:
    """A sandbox of this test alone that reports as the one of ``make run`` does."""
    data = tmp_path / "sandbox.sqlite3"
    with SandboxServer(data=data, report=traces.of_sandbox.append) as server:
        settings.CDP_BASE_URL = server.base_url
        yield server


@pytest.fixture
def windows(
    *,
    chromium: Kept,
    live_server: LiveServer,
    sandbox: SandboxServer,
    traces: Traces,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Windows]:
    """Opens windows onto the portal. A test fails for whatever the browser complained about.

    It fails, too, if something that was typed about a consumer can be read in the database or in what was
    printed. The tables are emptied after each test, hence the look after each.
    """
    for name, provider in (("Profile system", "ProfileSystem"), ("Loyalty", "LoyaltyProgramme")):
        identity_rules.add_rule(name=name, provider=provider, actor=TESTS)
    opened = Windows(chromium, live_server.url)
    yield opened
    opened.close()
    traces.seen += opened.requests
    traces.look_after_a_test()
    printed = capfd.readouterr()
    traces.note_printed(*printed)
    sys.stdout.write(printed.out)
    sys.stderr.write(printed.err)
    assert opened.complaints == []
    assert traces.found() == []


def actions_of(person: User) -> list[str]:
    """What the audit log says that a person did, oldest first."""
    events = AuditEvent.objects.filter(actor_id=str(person.pk)).order_by("seq")
    return [event.action for event in events]
