"""Each outcome has its page, keeps the entry, and causes at most one call."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    WHOLE_AS_SENT,
    create,
    creates,
    expect_error,
    expect_headline,
    expect_receipt,
    fault_order,
    fill_entry,
    open_form,
    press_create,
    stored,
    typed_again,
)
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

UNKNOWN = "We do not know whether the consumer was created"


def test_unknown_outcome_is_shown_without_an_offer_to_send_again(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_READ_TIMEOUT = 0.5
    page = windows.open(staff)
    open_form(page)
    entry = SIMPLE.but(order=fault_order("no_answer_after"))
    fill_entry(page, entry)
    press_create(page)
    submission = expect_receipt(page, UNKNOWN)
    main = page.locator("main")
    expect(main).to_contain_text("Sitecore CDP did not answer in time.")
    expect(main).to_contain_text("Do not enter it again")
    expect(main.get_by_role("button", name="Create")).to_have_count(0)
    expect(main.get_by_role("link", name="again")).to_have_count(0)
    expect(main.get_by_role("link", name="New order consumer")).to_have_count(0)
    expect(main).to_contain_text(SIMPLE.last_name)

    # A repeated entry leads to that receipt, without a Create anyway button.
    open_form(page)
    fill_entry(page, entry)
    press_create(page)
    panel = page.locator(".panel-unknown")
    expect(panel).to_be_focused()
    expect(page.get_by_role("button", name="Create anyway")).to_have_count(0)
    assert creates(sandbox) == 1
    with page.expect_popup() as beside:
        panel.get_by_role("link", name="Open the receipt").click()
    assert expect_receipt(beside.value, UNKNOWN) == submission
    beside.value.close()
    page.goto("/")
    attention = page.get_by_role("link", name="1 submission of unknown outcome")
    expect(attention).to_have_attribute("href", f"/submissions/{submission.public_id}/")


def test_missing_order_returns_to_the_filled_form(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, WHOLE.but(order=fault_order("404")))
    press_create(page)
    expect_error(page, "id_order_ref", "Sitecore CDP has no order with this reference.")
    assert creates(sandbox) == 1
    again = typed_again(page)
    assert (again["date_of_birth"], again["country"], again["gender"]) == ("7 March 1991", "IE", "female")
    assert again["identifiers-1-id"] == WHOLE.identifiers[1][1]
    rejected = Submission.objects.get()

    page.get_by_label("Order", exact=True).fill(SAMPLE_ORDER)
    press_create(page)
    submission = expect_receipt(page, "Consumer created")
    assert submission.resubmission_of == rejected
    assert stored(sandbox) == [WHOLE_AS_SENT]

    page.goto(f"/submissions/{rejected.public_id}/")
    expect_headline(page, "Rejected")
    expect(page.get_by_role("link", name="Correct and send again")).to_be_visible()


def test_refused_credentials_preserve_the_entry_and_name_the_responsible_role(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(order=fault_order("401")))
    typed = typed_again(page)
    press_create(page)
    panel = page.locator(".panel-rejected")
    expect(panel).to_be_focused()
    expect(panel).to_contain_text(
        "The portal could not sign in to Sitecore CDP. Your entry is stored."
        " An administrator has to check the API credentials."
    )
    assert typed_again(page) == typed
    assert creates(sandbox) == 1


def test_unsent_entry_is_sent_when_the_vendor_is_back(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    typed = typed_again(page)
    sandbox.stop()
    press_create(page)
    panel = page.locator(".panel-not_sent")
    expect(panel).to_be_focused()
    expect(panel).to_contain_text("Nothing was sent. You can send it again.")
    assert typed_again(page) == typed
    assert Submission.objects.get().outcome == Outcome.NOT_SENT
    assert creates_after(sandbox) == 0

    press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1


def creates_after(stopped: SandboxServer) -> int:
    """Restart the sandbox at the same address with the same data, and count the creates."""
    return creates(stopped.start())


def test_returned_links_are_shown_unchanged_and_can_be_copied(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, permissions=["clipboard-read", "clipboard-write"])
    submission = create(page)
    for href in (submission.consumer_href, submission.order_href, submission.guest_href):
        link = page.get_by_role("link", name=f"{href} (opens in a new tab)", exact=True)
        expect(link).to_have_attribute("href", href)
    page.get_by_role("button", name="Copy consumer reference").click()
    expect(page.locator("[data-announcer]")).to_have_text("Copied")
    page.goto("/orders/")  # pages may not read the clipboard, so paste as people do
    page.locator("#id_find_order").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#id_find_order")).to_have_value(submission.consumer_ref)
