"""The form's promises in Firefox, whose restoring, truncating and leave prompts differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as project
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.firefox import FirefoxWindow, running_firefox
from tests.e2e.pages import SIMPLE, creates
from tests.e2e.test_long_paste import LONG_NAME
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows, session_of
from tests.support.browser import find_firefox

# The windows fixture starts the portal and its sandbox, and searches for leftovers afterwards.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("firefox")]

FILLED = """[...new FormData(document.querySelector("form.entry"))]
    .filter(([name, value]) => value && !/token|_FORMS|entry_of/.test(name))"""


@pytest.fixture
def firefox(windows: Windows, staff: User, tmp_path: Path) -> Iterator[FirefoxWindow]:
    """A window of a staff user on the empty form."""
    path = find_firefox()
    if path is None:
        pytest.skip("There is no Firefox (Debian: apt-get install firefox-esr)")
    with running_firefox(path, tmp_path) as window:
        window.set_cookie(project.SESSION_COOKIE_NAME, session_of(staff), "localhost")
        window.goto(f"{windows.portal}/")
        window.goto(f"{windows.portal}/consumers/new/")
        yield window


def _fill(window: FirefoxWindow) -> None:
    window.type("#id_order_ref", SIMPLE.order)
    window.type("#id_first_name", SIMPLE.first_name)
    window.type("#id_last_name", SIMPLE.last_name)
    window.type("[name=emails-0-value]", SIMPLE.emails[0])
    for choose in (
        "document.querySelector('#id_title').value = 'Dr'",
        "document.querySelector('#id_country').value = 'IE'",
        "document.querySelector('[name=gender][value=female]').checked = true",
    ):
        window.read(choose)


def test_back_and_reload_restore_nothing_that_was_typed(
    firefox: FirefoxWindow, sandbox: SandboxServer
) -> None:
    _fill(firefox)
    firefox.click("form.entry > .button-row button")
    firefox.wait_for("location.pathname.startsWith('/submissions/')")
    firefox.wait_for("document.readyState === 'complete'")
    firefox.back()
    firefox.wait_for("document.readyState === 'complete' && document.querySelector('form.entry') !== null")
    assert firefox.read(FILLED) == []
    firefox.read("document.querySelector('#id_title').value = 'Dr'")
    firefox.reload()
    assert firefox.read(FILLED) == []
    assert creates(sandbox) == 1


def test_long_paste_is_not_truncated_and_the_server_refuses_it(
    firefox: FirefoxWindow, sandbox: SandboxServer
) -> None:
    firefox.paste("#id_first_name", LONG_NAME)
    assert firefox.read("document.querySelector('#id_first_name').value") == LONG_NAME
    firefox.click("form.entry > .button-row button")
    firefox.wait_for(
        "document.querySelector('[data-error-summary]')?.textContent.includes('at most 100 characters')"
    )
    assert firefox.read("document.querySelector('#id_first_name').value") == LONG_NAME
    assert creates(sandbox) == 0


def test_leaving_a_changed_form_asks(firefox: FirefoxWindow) -> None:
    firefox.type("#id_first_name", TYPED["first name"])
    firefox.wait_for(f"document.querySelector('#id_first_name').value === '{TYPED['first name']}'")
    firefox.click("nav a[href='/orders/']")
    assert firefox.refuse_to_leave() == "beforeunload"
    assert firefox.read("document.querySelector('#id_first_name').value") == TYPED["first name"]


def test_sending_is_shown_until_the_answer_arrives(
    firefox: FirefoxWindow, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_READ_TIMEOUT = 3
    sandbox.sandbox.faults.arm(Armed("no_answer_after"))
    _fill(firefox)
    firefox.type("#id_order_ref", "\ue007")  # Enter
    shown = firefox.wait_for("document.querySelector('.sending-bar')?.textContent")
    assert shown.startswith("Sending to Sitecore CDP, ")
    firefox.wait_for("location.pathname.startsWith('/submissions/')")
    assert Submission.objects.get().outcome == "unknown"
    assert creates(sandbox) == 1
