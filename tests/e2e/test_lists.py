"""The lists of the form: e-mail addresses, phone numbers, identifiers, with script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import SIMPLE, expect_receipt, fill_entry, open_form, press_create, stored
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

ONE, TWO, LAST = (f"{TYPED[name]}@example.com" for name in ("mailbox one", "mailbox two", "mailbox three"))
THREE = SIMPLE.but(emails=(ONE, TWO, LAST))


def _emails(page: Page) -> list[str]:
    return [field.input_value() for field in page.locator("[name^=emails-][name$=-value]").all()]


def _expect_numbered(page: Page, count: int) -> None:
    """Assert that names, labels, buttons and the total match a list of so many rows."""
    for index in range(count):
        field = page.locator(f"[name=emails-{index}-value]")
        expect(field).to_have_attribute("id", f"id_emails-{index}-value")
        expect(field).to_have_accessible_name(f"Email addresses {index + 1}")
        if count > 1:
            button = page.get_by_role("button", name=f"Remove email address {index + 1}", exact=True)
            expect(button).to_have_attribute("value", f"emails-{index}")
    expect(page.locator("[name=emails-TOTAL_FORMS]")).to_have_value(str(count))


def test_row_is_removed_by_its_name_and_later_rows_move_up(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, THREE)
    _expect_numbered(page, 3)
    page.get_by_role("button", name="Remove email address 2").click()
    expect(page.locator("[name^=emails-][name$=-value]")).to_have_count(2)
    assert _emails(page) == [ONE, LAST]
    _expect_numbered(page, 2)
    expect(page.get_by_label("Last name")).to_have_value(THREE.last_name)
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox)[0]["emails"] == [ONE, LAST]


def test_adding_and_removing_move_the_focus_and_are_announced_without_a_round_trip(
    windows: Windows, staff: User
) -> None:
    page = windows.open(staff)
    open_form(page)
    posted: list[str] = []
    # A draft may be saved at any time after a change.
    page.on("request", lambda request: None if "/drafts/" in request.url else posted.append(request.url))
    announced = page.locator("[data-announcer]")
    page.get_by_role("button", name="Add another email address").click()
    expect(page.locator("#id_emails-1-value")).to_be_focused()
    expect(announced).to_have_text("Row 2 added")
    page.get_by_role("button", name="Remove email address 1", exact=True).click()
    expect(page.locator("#id_emails-0-value")).to_be_focused()
    expect(announced).to_have_text("Row 1 removed")
    # The only row cannot be removed.
    expect(page.get_by_role("button", name="Remove email address")).to_have_count(0)
    assert _emails(page) == [""]
    _expect_numbered(page, 1)
    assert posted == []


def test_several_addresses_pasted_at_once_become_rows(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, permissions=["clipboard-read", "clipboard-write"])
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=("",)))
    announced = page.locator("[data-announcer]")
    expect(announced).to_contain_text("Order ")  # otherwise the order's line may replace the next one
    page.evaluate("text => navigator.clipboard.writeText(text)", f"{ONE}; {TWO},{LAST}")
    page.locator("#id_emails-0-value").focus()
    page.keyboard.press("Control+V")
    _expect_numbered(page, 3)
    assert _emails(page) == [ONE, TWO, LAST]
    expect(page.locator("#id_emails-2-value")).to_be_focused()
    expect(announced).to_have_text("3 values split into rows")
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox)[0]["emails"] == [ONE, TWO, LAST]


def test_several_addresses_in_one_row_are_split_without_script(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, javascript=False)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=(f"{ONE}; {TWO}",), phones=("087 123 4567",)))
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox)[0]["emails"] == [ONE, TWO]
