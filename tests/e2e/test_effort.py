"""What an entry costs the person: Tab stops, keys that enter no data, clicks, and height."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.orders.forms import SAMPLE_ORDER_NUMBER
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.keyboard import Keyboard
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    stored,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

MOST_STOPS = 18
MOST_KEYS_OF_A_FAMILY = 40
HIGHEST = 1200  # CSS pixels
VISIBLE_CREATE = ".action-bar .btn-primary"
ONE_ROW_OF_EACH_LIST = WHOLE.but(
    emails=WHOLE.emails[:1], phones=WHOLE.phones[:1], identifiers=WHOLE.identifiers[:1]
)
# How many CSS pixels of the focused element the action bar or the window's end covers.
HIDDEN_PART = """() => {
  const { top, bottom } = document.activeElement.getBoundingClientRect();
  const bar = document.querySelector(".action-bar").getBoundingClientRect();
  return Math.max(0, -top) + Math.max(0, bottom - bar.top);
}"""
FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve")


def test_family_of_five(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    """They share last name, country and phone number; each has a first name, a birthday and an address."""
    page = windows.open(staff)
    open_form(page, f"?order={SAMPLE_ORDER}")
    keyboard = Keyboard(page)
    for index, name in enumerate(FIRST_NAMES):
        if index:
            keyboard.tab_to("main a[href*='like=']")
            keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
        keyboard.type_into("#id_order_ref", SAMPLE_ORDER)
        keyboard.type_into("#id_first_name", f"{name} {TYPED['first name']}")
        keyboard.type_into("#id_last_name", TYPED["last name"])
        keyboard.type_into("#id_date_of_birth", f"{index + 1} March 1991")
        keyboard.type_into("#id_emails-0-value", f"{name}.{TYPED['mailbox']}@example.com")
        keyboard.type_into("#id_phone_numbers-0-value", "+353871234567")
        keyboard.type_into("#id_country", "Ireland")
        keyboard.create()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Consumer created")
    assert len(stored(sandbox)) == len(FIRST_NAMES)
    assert keyboard.without_data <= MOST_KEYS_OF_A_FAMILY


@pytest.mark.parametrize("size", [(1280, 900), (320, 640)], ids=str)
def test_every_stop_of_an_entry_is_in_view_above_the_action_bar(
    windows: Windows, staff: User, sandbox: SandboxServer, size: tuple[int, int]
) -> None:
    page = windows.open(staff, viewport={"width": size[0], "height": size[1]})
    open_form(page)
    fill_entry(page, ONE_ROW_OF_EACH_LIST)
    page.locator("#id_order_ref").focus()
    stops = 1
    while not page.evaluate(f"document.activeElement.matches('{VISIBLE_CREATE}')"):
        assert page.evaluate(HIDDEN_PART) == 0, page.evaluate("document.activeElement.outerHTML")
        page.keyboard.press("Tab")
        stops += 1
    assert stops <= MOST_STOPS
    for _ in range(stops - 1):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(HIDDEN_PART) == 0, page.evaluate("document.activeElement.outerHTML")
    expect(page.locator("#id_order_ref")).to_be_focused()
    # The calendar's own input is no way around its button.
    hidden = page.locator("form.entry :is(button, input, select)[tabindex]:not([data-date-native])")
    expect(hidden).to_have_count(0)


def test_full_entry_is_short_and_its_button_always_in_view(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, viewport={"width": 1280, "height": 900})
    open_form(page)
    expect(page.locator(VISIBLE_CREATE)).to_be_in_viewport(ratio=1)
    fill_entry(page, ONE_ROW_OF_EACH_LIST)
    expect(page.locator(".phone-echo")).to_have_text("Ireland: +353871234567")
    assert page.locator("form.entry").evaluate("form => form.offsetHeight") <= HIGHEST
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 x 1024 at a zoom of 400 %
    page.locator("#id_order_ref").scroll_into_view_if_needed()
    expect(page.locator(VISIBLE_CREATE)).not_to_be_in_viewport()


def test_form_is_two_clicks_from_the_start_page_by_order_number_and_one_by_the_last_order(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    page.goto("/")
    page.get_by_label("Order", exact=True).fill(SAMPLE_ORDER_NUMBER)
    page.get_by_role("button", name="Find order").click()
    page.get_by_role("main").get_by_role("link", name="New order consumer").click()
    expect(page.locator("#id_first_name")).to_be_focused()
    assert typed_again(page)["order_ref"] == SAMPLE_ORDER
    fill_entry(page, SIMPLE)
    press_create(page)
    expect_receipt(page, "Consumer created")
    page.goto("/")
    page.get_by_role("link", name=f"Continue with order {SAMPLE_ORDER_NUMBER}").click()
    expect(page.locator("#id_first_name")).to_be_focused()
