"""A real browser over the portal in this process, and over a sandbox of each test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers import rules
from apps.sandbox.server import SandboxServer
from tests.browser import ARGUMENTS, find_chromium
from tests.e2e.windows import Kept, Windows
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


@pytest.fixture
def windows(
    chromium: Kept, live_server: LiveServer, sandbox: SandboxServer, settings: Settings
) -> Iterator[Windows]:
    """Opens windows onto the portal. A test fails for whatever the browser complained about."""
    for name, provider in (("Profile system", "ProfileSystem"), ("Loyalty", "LoyaltyProgramme")):
        rules.add_rule(name=name, provider=provider, actor=TESTS)
    opened = Windows(chromium, live_server.url)
    yield opened
    opened.close()
    assert opened.complaints == []


def actions_of(person: User) -> list[str]:
    """What the audit log says that a person did, oldest first."""
    events = AuditEvent.objects.filter(actor_id=str(person.pk)).order_by("seq")
    return [event.action for event in events]
