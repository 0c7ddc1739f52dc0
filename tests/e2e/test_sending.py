"""The page shows that it is sending; a lost connection loses no typed text and sends nothing twice."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    creates,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    sends_entry,
    token_of,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

SENDING = re.compile(r"^Sending to Sitecore CDP, (\d+) s\. Do not close this page\.$")
SPOKEN = "Sending to Sitecore CDP. Do not close this page."
LOST = "The connection to the portal was lost"
UNREACHABLE = "Nothing was sent: there is no connection to the portal"
FORM = "**/consumers/new/"


def _panel(page: Page, title: str) -> Locator:
    """The panel above the form, which has the focus."""
    panel = page.locator("[data-in-page-answer]", has_text=title)
    expect(panel).to_be_focused()
    expect(panel).to_be_in_viewport()
    return panel


def _seconds(bar: Locator) -> int:
    """The text of the counter."""
    found = SENDING.match(bar.inner_text())
    assert found
    return int(found[1])


def _hold(page: Page) -> list[Route]:
    """Hold the next post of the form back; it is appended to the list."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(FORM, hold, times=1)
    return held


def test_sending_is_visible_from_every_field_and_announced_once(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, own=True, viewport={"width": 800, "height": 400})
    open_form(page)
    fill_entry(page, SIMPLE)
    announcer = page.locator("[data-announcer]")
    expect(announcer).to_contain_text("Order ")  # otherwise the order's line may be announced meanwhile
    page.clock.install()
    held = _hold(page)
    spoken: list[str] = []

    def note(text: str) -> None:  # a built-in method is not shadowed
        spoken.append(text)

    page.expose_function("speak", note)
    announcer.evaluate(
        """element => new MutationObserver(() => speak(element.textContent))
        .observe(element, {childList: true})"""
    )
    with page.expect_request(sends_entry):
        page.locator("#id_order_ref").press("Enter")
    bar = page.locator(".sending-bar")
    expect(bar).to_have_text(SENDING)
    before = _seconds(bar)
    expect(bar).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Sending…").last).not_to_be_in_viewport()
    page.clock.run_for(8_000)
    assert _seconds(bar) >= before + 8
    expect(bar).to_have_attribute("aria-hidden", "true")
    page.mouse.wheel(0, 5_000)
    expect(bar).to_be_in_viewport(ratio=1)
    assert [text for text in spoken if text] == [SPOKEN]
    # Nothing is changed or sent meanwhile.
    page.keyboard.type(TYPED["typed at once"])
    page.keyboard.press("Enter")
    expect(page.locator("#id_order_ref")).to_have_value(SIMPLE.order)
    expect(page.locator("dialog[data-session]")).to_be_hidden()
    held[0].continue_()
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1


def test_browser_without_a_time_limit_of_its_own_saves_and_sends(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    page.add_init_script("delete AbortSignal.timeout")  # browsers have it only since 2022
    open_form(page)
    fill_entry(page, SIMPLE)
    expect(page.locator(".draft-state")).to_contain_text("Draft saved")
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1


def test_session_expiry_prompt_waits_until_the_form_is_sent(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    page = windows.open(staff, own=True)
    page.clock.install()
    open_form(page)
    fill_entry(page, SIMPLE)
    settings.SESSION_COOKIE_AGE = 119  # the page's clock is not the server's
    page.clock.run_for((28 * 60 - 20) * 1000)  # the prompt comes two minutes before the half hour
    held = _hold(page)
    with page.expect_request(sends_entry):
        press_create(page)
    page.clock.run_for(40_000)
    expect(page.locator("dialog[data-session]")).to_be_hidden()
    held[0].abort()
    # Not whether it has the focus: the clock goes on, and the prompt takes it within a second.
    expect(page.locator("[data-in-page-answer]", has_text=LOST)).to_be_visible()
    page.clock.run_for(2_000)
    expect(page.locator("dialog[data-session]")).to_be_visible()
    windows.expect_lost_connection()


def test_silent_connection_is_given_up_after_a_time_limit(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    page = windows.open(staff, own=True)
    page.clock.install()
    open_form(page)
    fill_entry(page, SIMPLE)
    typed, token = typed_again(page), token_of(page)
    held = _hold(page)
    with page.expect_request(sends_entry):
        press_create(page)
    page.clock.run_for(int(settings.CDP_TOTAL_TIMEOUT + 31) * 1000)
    _panel(page, LOST)
    held[0].abort()  # a route without an end outlives its test
    assert (typed_again(page), token_of(page)) == (typed, token)


def test_offline_nothing_is_sent_and_the_entry_stays_with_its_token(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, own=True)
    open_form(page)
    fill_entry(page, WHOLE)
    typed, token = typed_again(page), token_of(page)
    page.context.set_offline(True)
    press_create(page)
    expect(_panel(page, UNREACHABLE)).to_contain_text(
        "Press Create consumer again when the connection works again."
    )
    assert (typed_again(page), token_of(page)) == (typed, token)
    assert not Submission.objects.exists()
    expect(page.locator(".sending-bar")).to_have_count(0)
    page.context.set_offline(False)
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    windows.expect_lost_connection()


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "not arrived"])
def test_resending_the_form_after_a_lost_connection_leads_to_the_same_consumer(
    windows: Windows, staff: User, sandbox: SandboxServer, arrived: bool
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, WHOLE)
    typed, token = typed_again(page), token_of(page)

    def cut_off(route: Route) -> None:
        if arrived:
            route.fetch()
        route.abort("connectionreset")

    page.route(FORM, cut_off, times=1)
    page.locator("#id_first_name").press("Enter")
    expect(_panel(page, LOST)).to_contain_text(
        "We do not know whether the form arrived. Press Create consumer again without changing anything: "
        "the same form never creates a second consumer."
    )
    assert (typed_again(page), token_of(page)) == (typed, token)
    assert creates(sandbox) == int(arrived)
    expect(page.locator("form.entry .btn-primary")).to_have_text("Create consumer")
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    windows.expect_lost_connection()


def test_send_that_may_have_arrived_is_not_forgotten_when_the_page_is_replaced(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)

    def cut_off(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route(FORM, cut_off, times=1)
    press_create(page)
    _panel(page, LOST)
    latest = page.get_by_role("button", name="Show your latest submissions")
    latest.click()
    expect(latest).to_have_count(0)
    expect(page.locator("div[data-in-page-answer]", has_text=LOST)).to_be_visible()

    # A page with errors says nothing about the earlier send, either.
    page.locator("#id_last_name").fill("")
    press_create(page)
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.locator("#id_last_name").fill(SIMPLE.last_name)
    page.route("**/healthz", lambda route: route.abort(), times=1)
    press_create(page)
    _panel(page, LOST)
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    windows.expect_lost_connection()


def test_answer_of_another_server_is_not_shown_as_the_portals(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    typed = typed_again(page)
    page.route(FORM, lambda route: route.fulfill(status=502, body="<h1>502 Bad Gateway</h1>"), times=1)
    press_create(page)
    _panel(page, LOST)
    page.route("**/healthz", lambda route: route.abort(), times=1)
    press_create(page)
    # The first send may have arrived; the failure of the second proves nothing about it.
    _panel(page, LOST)
    windows.expect_lost_connection()
    expect(page.locator("div[data-in-page-answer]")).to_have_count(1)
    assert typed_again(page) == typed
    assert creates(sandbox) == 0


def test_portals_error_page_is_shown_above_the_entry(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    typed, token = typed_again(page), token_of(page)
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5
    press_create(page)
    expect(_panel(page, "The form is too large")).to_contain_text("Nothing was done.")
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert (typed_again(page), token_of(page)) == (typed, token)
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
    press_create(page)
    expect_receipt(page, "Consumer created")


def test_page_shown_in_place_works_like_a_loaded_page(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(first_name="", emails=(), born="7 3 1991"))
    for _ in range(2):  # twice: nothing may start twice
        press_create(page)
        expect(page.locator("[data-error-summary]")).to_be_focused()
    page.get_by_role("button", name="Add another email address").click()
    expect(page.locator("[name=emails-1-value]")).to_be_focused()
    expect(page.locator("[name=emails-2-value]")).to_have_count(0)
    expect(page.locator("#id_date_of_birth_echo")).to_have_text("7 March 1991")
    page.locator("#id_first_name").fill(SIMPLE.first_name)
    page.locator("[name=emails-1-value]").fill(SIMPLE.emails[0])
    press_create(page)
    expect_receipt(page, "Consumer created")
    page.go_back()
    assert typed_again(page) == {}


def test_rejected_entry_returns_filled_at_its_own_address(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    typed = typed_again(page)
    sandbox.sandbox.faults.arm(Armed("401"))
    press_create(page)
    page.wait_for_url("**/consumers/new/?from=*")
    assert typed_again(page) == typed
    page.reload()
    assert typed_again(page) == typed
    assert creates(sandbox) == 1
