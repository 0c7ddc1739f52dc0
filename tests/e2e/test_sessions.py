"""The end of a session loses nothing that was typed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, Response, Route, expect
from pytest_django import Settings

from apps.accounts.models import Session, User
from apps.consumers.models import Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    creates,
    expect_phones_read,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.people import PASSWORD

pytestmark = pytest.mark.e2e

SESSION = "**/accounts/session/"


def _reads(request: Request | Response) -> bool:
    """Whether a page asks how long the session lasts, which extends nothing."""
    request = request if isinstance(request, Request) else request.request
    return request.method == "GET" and request.url.endswith("/accounts/session/")


def _extends(response: Response) -> bool:
    """Whether it answers "Stay signed in"."""
    return response.request.method == "POST" and response.url.endswith("/accounts/session/")


def _last(settings: Settings, seconds: int) -> None:
    """Let every session last this long after its last use: the clock of a page is not the server's."""
    settings.SESSION_IDLE_SECONDS = settings.SESSION_COOKIE_AGE = seconds


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_entry_sent_after_the_session_ended_returns_after_signing_in(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, WHOLE)
    if javascript:
        expect_phones_read(page, WHOLE)  # without a session it would be an error in the console
        expect(page.locator(".draft-state")).to_contain_text("Draft saved")
    typed = typed_again(page)
    Session.objects.all().delete()
    press_create(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert creates(sandbox) == 0

    page.get_by_label("User name").fill("sam")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert typed_again(page) == typed
    assert not Submission.objects.exists()
    press_create(page)
    expect_receipt(page, "Consumer created")


def test_key_press_two_minutes_before_the_end_extends_the_session(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    _last(settings, 122)
    page = windows.open(staff)
    open_form(page)
    page.get_by_label("Last name").fill(TYPED["kept"])
    dialog = page.get_by_role("dialog", name="Are you still there?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    with page.expect_response(_extends) as answer:
        page.keyboard.press("Enter")
    assert answer.value.ok
    expect(page.get_by_label("Last name")).to_have_value(TYPED["kept"])


def test_session_that_cannot_be_extended_is_said_to_end_with_the_time(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.SESSION_ABSOLUTE_SECONDS = 110
    page = windows.open(staff)
    open_form(page)
    page.get_by_role("button", name="Stay signed in").press("Enter")
    dialog = page.get_by_role("dialog", name="Your session ends soon")
    expect(dialog).to_contain_text(re.compile(r"cannot be extended any more\. It ends at \d\d:\d\d"))
    expect(dialog.get_by_text("your entry comes back filled in").locator("visible=true")).to_have_count(1)
    expect(dialog.get_by_text("it is not kept").locator("visible=true")).to_have_count(0)
    dialog.get_by_role("button", name="Back to the page").press("Enter")
    expect(dialog).to_be_hidden()


def test_session_is_not_called_ended_while_the_portal_does_not_answer(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    _last(settings, 122)
    page = windows.open(staff)
    open_form(page)
    dialog = page.get_by_role("dialog", name="Are you still there?")
    stay = dialog.get_by_role("button", name="Stay signed in")
    failure = dialog.get_by_text("Your session was not extended")
    failures: list[Callable[[Route], None]] = [Route.abort, lambda route: route.fulfill(status=503)]

    # One route for both: while the driver ends one that was used up, a new one may not take effect.
    def answer(route: Route) -> None:
        extends = route.request.method == "POST"
        (failures.pop(0) if extends and failures else Route.continue_)(route)

    page.route(SESSION, answer)
    status = dialog.get_by_role("status")
    expect(status).to_be_empty()  # and rendered, so that its text is announced
    with page.expect_event("requestfailed"):
        stay.press("Enter")
    expect(status.and_(failure)).to_be_visible()
    windows.expect_lost_connection()
    with page.expect_response(_extends):
        stay.press("Enter")
    expect(failure).to_be_visible()
    Session.objects.all().delete()
    stay.press("Enter")
    expect(page.get_by_role("dialog", name="Your session has ended")).to_be_visible()


# The answer changes nothing that is visible: this marks the page when its next timer of minutes has been set.
MARK_WHEN_WAITING = """() => {
    const { setTimeout } = window;
    window.setTimeout = (step, delay) => {
        if (delay > 60_000) document.body.toggleAttribute("data-waits", true);
        return setTimeout(step, delay);
    };
}"""


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "extended_in_another_window"])
def test_whoever_closes_the_question_is_told_when_the_session_has_ended(
    windows: Windows, administrator: User, settings: Settings, ended: bool
) -> None:
    page = windows.open(administrator, own=True)
    page.clock.install()
    page.goto("/accounts/password/")
    page.get_by_label("Current password").fill("what was typed")
    _last(settings, 119)
    page.clock.run_for(28 * 60 * 1000)
    question = page.get_by_role("dialog", name="Are you still there?")
    expect(question.get_by_text("send it before then, or copy it").locator("visible=true")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    if ended:
        Session.objects.all().delete()
    else:
        _last(settings, 1800)
    page.evaluate(MARK_WHEN_WAITING)
    with page.expect_response(_reads):
        page.clock.run_for(10 * 1000)
    said = page.get_by_role("dialog", name="Your session has ended")
    if ended:
        expect(said.get_by_text("Copy what you typed before you send it")).to_be_visible()
        return
    expect(page.locator("body[data-waits]")).to_be_attached()  # before the clock moves on
    page.clock.run_for(27 * 60 * 1000)
    expect(page.locator("dialog[data-session]")).to_be_hidden()
    _last(settings, 119)
    page.clock.run_for(60 * 1000)
    expect(question).to_be_visible()


def test_page_does_not_ask_if_the_session_was_extended_in_another_window(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, own=True)
    page.clock.install()
    page.goto("/")
    page.evaluate(MARK_WHEN_WAITING)
    with page.expect_response(_reads):
        page.clock.run_for(28 * 60 * 1000)  # to the server the session was used a moment ago
    expect(page.locator("body[data-waits]")).to_be_attached()
    expect(page.locator("dialog[data-session]")).to_be_hidden()


@pytest.mark.parametrize("is_in_use", [False, True])
def test_question_closes_if_the_session_is_extended_in_another_window(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings, is_in_use: bool
) -> None:
    _last(settings, 119)
    page = windows.open(staff, own=True)
    page.clock.install()
    open_form(page)
    fill_entry(page, SIMPLE)
    page.evaluate(f"document.hasFocus = () => {str(is_in_use).lower()}")  # headless, every page has the focus
    page.clock.run_for(1000)
    question = page.get_by_role("dialog", name="Are you still there?")
    expect(question).to_be_visible()
    other = page.context.new_page()
    other.goto("/")
    other.clock.run_for(1000)
    expect(other.get_by_role("button", name="Stay signed in")).to_be_focused()
    _last(settings, 1800)
    with other.expect_response(_extends):
        other.keyboard.press("Enter")
    page.evaluate(MARK_WHEN_WAITING)
    with page.expect_response(_reads):
        page.clock.run_for(10 * 1000)
    expect(page.locator("body[data-waits]")).to_be_attached()
    expect(question).to_be_visible(visible=is_in_use)
    if is_in_use:  # Enter is for the question: otherwise the form behind it would get it
        with page.expect_response(_extends):
            page.keyboard.press("Enter")
        expect(question).to_be_hidden()
        assert creates(sandbox) == 0


def test_later_question_does_not_say_that_an_earlier_one_had_no_answer(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    _last(settings, 119)
    page = windows.open(staff, own=True)
    page.clock.install()
    page.goto("/")
    page.evaluate("document.hasFocus = () => false")
    page.clock.run_for(1000)
    question = page.get_by_role("dialog", name="Are you still there?")
    page.route(
        SESSION,
        lambda route: route.continue_() if route.request.method == "GET" else route.fulfill(status=503),
    )
    question.get_by_role("button", name="Stay signed in").press("Enter")
    expect(question.get_by_text("Your session was not extended")).to_be_visible()
    _last(settings, 1800)
    page.evaluate(MARK_WHEN_WAITING)
    with page.expect_response(_reads):
        page.clock.run_for(10 * 1000)
    expect(page.locator("body[data-waits]")).to_be_attached()
    expect(question).to_be_hidden()
    _last(settings, 119)
    page.clock.run_for(1700 * 1000)
    expect(question).to_be_visible()
    expect(question.get_by_role("status")).to_be_empty()


@pytest.mark.parametrize("answer", ["none", "error"])
def test_page_asks_if_the_portal_does_not_say_how_long_the_session_lasts(
    windows: Windows, staff: User, sandbox: SandboxServer, answer: str
) -> None:
    page = windows.open(staff, own=True)
    page.clock.install()
    page.goto("/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(SESSION, hold if answer == "none" else lambda route: route.fulfill(status=503))
    with page.expect_request(_reads):
        page.clock.run_for(28 * 60 * 1000)
    page.clock.run_for(10 * 1000)
    expect(page.get_by_role("dialog", name="Are you still there?")).to_be_visible()


@pytest.mark.parametrize("ended", [False, True], ids=["ends_soon", "has_ended"])
def test_dialog_promises_no_entry_back_on_a_page_that_does_not_keep_it(
    windows: Windows, administrator: User, settings: Settings, ended: bool
) -> None:
    settings.SESSION_ABSOLUTE_SECONDS = 110
    page = windows.open(administrator)
    page.goto("/accounts/password/")
    stay = page.get_by_role("button", name="Stay signed in")
    expect(stay).to_be_visible()
    if ended:
        Session.objects.all().delete()
    stay.press("Enter")
    dialog = page.get_by_role("dialog")
    said = "Copy what you typed before you send it" if ended else "send it before then, or copy it"
    expect(dialog.get_by_text(said).locator("visible=true")).to_have_count(1)
    expect(dialog.get_by_text("comes back filled in").locator("visible=true")).to_have_count(0)
