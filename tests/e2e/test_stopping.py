"""A navigation that is stopped leaves a page that says the truth and can be used again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from apps.accounts.models import User
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES
from tests.e2e.pages import SIMPLE, creates, expect_receipt, fill_entry, open_form, press_create, typed_again
from tests.e2e.stopping import hold, record_texts, stopper
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

UPLOAD = "/batches/new/"
READ, READING = "Read the table", "Reading…"


def _posts(request: Request) -> bool:
    return request.method == "POST" and UPLOAD in request.url


def _paste(page: Page) -> None:
    page.goto(f"{UPLOAD}?order={SAMPLE_ORDER}")
    page.get_by_label("Paste a table").press_sequentially(f"First name\tLast name\nAda\t{TYPED['kept']}")


def test_stopped_form_can_be_sent_again_and_leaving_it_asks(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    _paste(page)
    stop = stopper(page)
    hold(page, "POST", UPLOAD)
    read = page.locator("form.entry .btn-primary")
    said = record_texts(read.element_handle())
    with page.expect_request(_posts):
        read.press("Enter", no_wait_after=True)
    stop()
    expect(read).to_have_text(READ)
    assert said() == [READING, READ]

    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Submissions").first.click(no_wait_after=True)
    expect(page.get_by_label("Paste a table")).to_have_value(f"First name\tLast name\nAda\t{TYPED['kept']}")
    read.press("Enter", no_wait_after=True)  # a question would keep the page
    expect(page).not_to_have_url(re.compile(UPLOAD))


@IN_BOTH_ENGINES
def test_escape_stops_a_form_also_if_the_browser_does_not_say_so(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    _paste(page)
    held = hold(page, "POST", UPLOAD)
    read = page.locator("form.entry .btn-primary")
    said = record_texts(read.element_handle())
    with page.expect_request(_posts):
        read.press("Enter", no_wait_after=True)
    page.keyboard.press("Escape")
    with page.expect_navigation():
        held[0].continue_()
    assert said() == [READING, READ]


def test_link_within_the_page_stops_no_form(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    page = windows.open(staff)
    _paste(page)
    held = hold(page, "POST", UPLOAD)
    read = page.locator("form.entry .btn-primary")
    said = record_texts(read.element_handle())
    # By the page itself, because Playwright cannot click while it is being left. Its request says when.
    read.evaluate(
        """button => button.form.addEventListener("submit", () => setTimeout(() => {
            document.querySelector("a[href^='#']").click();
            setTimeout(() => fetch("/healthz?clicked"), 100);
        }, 100))"""
    )
    with page.expect_request("**/healthz?clicked"):
        read.press("Enter", no_wait_after=True)
    with page.expect_navigation(url=lambda address: UPLOAD not in address):
        held[0].continue_()
    assert said() == [READING]


@IN_BOTH_ENGINES
def test_what_is_typed_after_sending_is_not_left_without_a_question(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    _paste(page)
    hold(page, "POST", UPLOAD)
    order = page.locator("#id_order_ref")
    # By the page itself, because Playwright waits before a click until the form has been sent.
    order.evaluate(
        """field => field.addEventListener(
            'input', () => document.querySelector('.back-link').click(), {once: true})"""
    )
    with page.expect_request(_posts):
        order.press("Enter", no_wait_after=True)
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog"):
        page.keyboard.type(TYPED["typed at once"])


def test_form_that_is_sent_again_meanwhile_asks_nothing_and_says_that_it_is_sent(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    _paste(page)
    held = hold(page, "POST", UPLOAD)
    read = page.locator("form.entry .btn-primary")
    said = record_texts(read.element_handle())
    # Within a second the second press would be ignored.
    read.evaluate("button => setTimeout(() => button.click(), 1100)")
    with page.expect_request(_posts):
        read.press("Enter", no_wait_after=True)
    expect(page).not_to_have_url(re.compile(UPLOAD))
    assert len(held) == 1
    assert said() == [READING, READ, READING]


@pytest.mark.parametrize("again", ["link", "button"])
def test_receipt_that_was_not_loaded_is_one_step_away_and_nothing_is_sent_twice(
    windows: Windows, staff: User, sandbox: SandboxServer, again: str
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    typed = typed_again(page)
    stop = stopper(page)
    hold(page, "GET", "/submissions/[0-9a-f-]{36}/$")
    with page.expect_request("**/submissions/*/"):
        press_create(page)
    stop()
    panel = page.locator("div[data-in-page-answer]", has_text="The next page was not loaded")
    expect(panel).to_be_focused()
    expect(page.locator(".sending-bar")).to_have_count(0)
    create = page.locator("form.entry .btn-primary")
    expect(create).to_have_text("Create consumer")
    assert typed_again(page) == typed
    if again == "link":
        panel.get_by_role("link", name="Open the next page").click()
    else:
        press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
