"""One rendered form creates at most one consumer: back buttons, lost answers, repeated clicks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import actions_of
from tests.e2e.pages import (
    SIMPLE,
    create,
    creates,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    stored,
    token_of,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

OTHER = f"Ciarán {TYPED['other first name']}"


def _press_create_and_lose_the_answer(windows: Windows, page: Page) -> None:
    """Press Create; the portal processes the entry, but the answer never reaches the browser."""

    def lose_the_answer(route: Route) -> None:
        answer = route.fetch()
        assert answer.headers["portal-location"].startswith("/submissions/")
        route.abort("connectionreset")

    page.route("**/consumers/new/", lose_the_answer, times=1)
    press_create(page)
    expect(page.locator(".panel", has_text="The connection to the portal was lost")).to_be_focused()
    windows.expect_lost_connection()


def test_back_from_the_receipt_shows_an_empty_form(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    used = token_of(page)
    fill_entry(page, SIMPLE)
    press_create(page)
    first = expect_receipt(page, "Consumer created")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert token_of(page) != used
    fill_entry(page, SIMPLE.but(first_name=OTHER))
    press_create(page)
    assert expect_receipt(page, "Consumer created") != first
    assert [body["firstName"] for body in stored(sandbox)] == [SIMPLE.first_name, OTHER]


def test_same_person_again_after_back_is_stopped_by_a_warning(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    submission = create(page)
    page.go_back()
    fill_entry(page, SIMPLE)
    press_create(page)
    warning = page.locator(".panel-warning")
    expect(warning).to_be_focused()
    expect(warning).to_contain_text("The same consumer was created on this order.")
    expect(warning).to_contain_text(submission.consumer_ref)
    assert creates(sandbox) == 1


def test_used_form_with_another_name_sends_nothing_and_returns_as_typed(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    _press_create_and_lose_the_answer(windows, page)
    used = token_of(page)
    page.get_by_label("First name").fill(OTHER)
    typed = typed_again(page)
    press_create(page)

    panel = page.locator(".panel-information")
    expect(panel).to_be_focused()
    expect(panel).to_contain_text("Nothing was sent")
    expect(panel.get_by_role("link", name="(opens in a new tab)")).to_have_attribute("target", "_blank")
    assert typed_again(page) == typed
    assert token_of(page) != used
    assert creates(sandbox) == 1
    assert actions_of(staff).count("submission.repeat_blocked") == 1

    press_create(page)
    expect_receipt(page, "Consumer created")
    assert [body["firstName"] for body in stored(sandbox)] == [SIMPLE.first_name, OTHER]


def test_used_form_with_the_same_body_leads_to_the_same_receipt(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    _press_create_and_lose_the_answer(windows, page)
    first = Submission.objects.get()
    press_create(page)
    assert expect_receipt(page, "Consumer created") == first
    assert creates(sandbox) == 1


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_double_click_is_one_call(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.locator("form.entry .btn-primary").dblclick(no_wait_after=True)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_enter_twice_quickly_is_one_call(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.get_by_label("Last name").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    assert Submission.objects.count() == 1


def test_button_shows_that_the_form_is_being_sent(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    # Playwright cannot inspect a page during navigation, so the page records its own text.
    page.locator("form.entry .btn-primary").evaluate(
        """button => new MutationObserver(() => sessionStorage.setItem('said', button.textContent))
        .observe(button, {childList: true, characterData: true, subtree: true})"""
    )
    page.get_by_label("Last name").press("Enter")
    expect_receipt(page, "Consumer created")
    assert page.evaluate("sessionStorage.getItem('said')") == "Sending…"
    assert creates(sandbox) == 1
