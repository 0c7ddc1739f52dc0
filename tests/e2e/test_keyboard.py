"""The whole job without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import WHOLE, WHOLE_AS_SENT, expect_receipt, stored
from tests.e2e.windows import Windows
from tests.support.people import PASSWORD

pytestmark = pytest.mark.e2e

MAX_TABS = 40


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus; each stop has to have a visible focus."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def _type_into(page: Page, selector: str, text: str) -> None:
    _tab_to(page, selector)
    page.keyboard.type(text)


def test_consumer_with_every_field_is_created_by_keyboard_alone(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open()
    page.goto("/")
    _type_into(page, "#id_login", "sam")
    _type_into(page, "#id_password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you want to do?")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, ".tasks a[href='/consumers/new/']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")

    _type_into(page, "#id_order_ref", WHOLE.order)
    _type_into(page, "#id_title", WHOLE.title)
    _tab_to(page, "[name=gender]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    _type_into(page, "#id_first_name", WHOLE.first_name)
    _type_into(page, "#id_last_name", WHOLE.last_name)
    _type_into(page, "#id_date_of_birth", WHOLE.born)
    _type_into(page, "#id_emails-0-value", WHOLE.emails[0])
    _tab_to(page, "[data-list=emails] [data-list-add]")
    page.keyboard.press("Enter")
    expect(page.locator("#id_emails-1-value")).to_be_focused()
    page.keyboard.type(WHOLE.emails[1])
    _type_into(page, "#id_phone_numbers-0-value", WHOLE.phones[0])
    _tab_to(page, "[data-list=phone_numbers] [data-list-add]")
    page.keyboard.press("Space")
    page.keyboard.type(WHOLE.phones[1])
    _type_into(page, "#id_nationality", WHOLE.nationality)
    _type_into(page, "#id_passport_number", WHOLE.passport)
    _type_into(page, "#id_country", WHOLE.country)
    _type_into(page, "#id_identifiers-0-provider", WHOLE.identifiers[0][0])
    _type_into(page, "#id_identifiers-0-id", WHOLE.identifiers[0][1])
    _tab_to(page, "[data-list=identifiers] [data-list-add]")
    page.keyboard.press("Enter")
    expect(page.locator("#id_identifiers-1-provider")).to_be_focused()
    page.keyboard.type(WHOLE.identifiers[1][0])
    _type_into(page, "#id_identifiers-1-id", WHOLE.identifiers[1][1])
    _tab_to(page, "form.entry .btn-primary")
    page.keyboard.press("Enter")

    expect_receipt(page, "Consumer created")
    assert stored(sandbox) == [WHOLE_AS_SENT]


def test_default_button_is_no_tab_stop_and_every_stop_shows_its_focus(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    page.goto("/consumers/new/")
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => { const stop = document.activeElement, style = getComputedStyle(stop);
            return {what: stop.outerHTML.slice(0, 120), body: stop === document.body,
                    hidden: stop.closest('[aria-hidden=true], .default-button') !== null,
                    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
                          || style.boxShadow !== 'none'}; }"""
        )
        if stop["body"]:
            break
        assert not stop["hidden"], stop["what"]
        assert stop["seen"], stop["what"]
