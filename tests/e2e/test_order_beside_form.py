"""Stories of the order in the form, with scripts and without."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Submission
from sandbox.data.seed import (
    CANCELLED_ORDER,
    FAMILY_ORDER,
    ORDERS_WITH_TRIPLE_REFERENCE_ID,
    SAMPLE_REFERENCE_ID,
    TRIPLE_REFERENCE_ID,
)
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.layout_shift import shifted, watch_shifts
from tests.e2e.pages import SIMPLE, creates, expect_receipt, fill_entry, open_form, press_create, stored
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

CHOSEN = ORDERS_WITH_TRIPLE_REFERENCE_ID[2]
WITH_AND_WITHOUT_SCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])


def _panel(page: Page) -> Any:
    return page.get_by_role("region", name="The order")


def _show_order(page: Page, javascript: bool) -> None:
    """Leave the field Order, or without a script press the button."""
    if javascript:
        page.locator("#id_order_ref").press("Tab")
    else:
        page.get_by_role("button", name="Check order").click()


@WITH_AND_WITHOUT_SCRIPT
def test_number_of_three_orders_is_chosen_and_the_consumer_added(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, SIMPLE.but(order=TRIPLE_REFERENCE_ID.lower()))
    _show_order(page, javascript)
    choices = page.get_by_role("group", name="3 orders have the number")
    expect(choices).to_be_visible()
    press_create(page)
    error = page.locator("[data-error-summary]").get_by_role("link", name=re.compile("Choose one"))
    expect(error).to_have_attribute("href", "#id_order_choice_0")
    if javascript:
        error.click()
        expect(choices.get_by_role("radio").first).to_be_focused()
    assert creates(sandbox) == 0
    if javascript:
        # The order that is chosen is shown, with its warning, and the choice stays.
        choices.get_by_role("radio", name=re.compile("CANCELLED")).check()
        expect(_panel(page)).to_contain_text("This order has the status CANCELLED.")
        announcer = page.locator("[data-announcer]")
        expect(announcer).to_contain_text(f"Order {TRIPLE_REFERENCE_ID}, CANCELLED")
        expect(choices.get_by_role("radio", name=re.compile("CANCELLED"))).to_be_focused()
    choices.get_by_role("radio", name=re.compile("PURCHASED · MOBILE_APP")).check()
    if javascript:
        expect(_panel(page)).to_contain_text("PURCHASED")
        expect(_panel(page)).not_to_contain_text("CANCELLED")
        page.locator("#id_first_name").focus()
        page.keyboard.press("Shift+Tab")
    else:
        page.get_by_role("button", name="Check order").click()
        expect(_panel(page)).to_contain_text(f"Order {TRIPLE_REFERENCE_ID}")
    expect(choices.get_by_role("radio", checked=True)).to_have_value(CHOSEN)
    expect(page.locator("#id_order_ref")).to_have_value(TRIPLE_REFERENCE_ID.lower())
    press_create(page)
    submission = expect_receipt(page, "Consumer created")
    assert (submission.order_ref, submission.order_number) == (CHOSEN, TRIPLE_REFERENCE_ID)
    assert len(stored(sandbox, CHOSEN)) == 1


@WITH_AND_WITHOUT_SCRIPT
def test_order_is_shown_with_its_people_and_nothing_moves(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    if javascript:
        watch_shifts(page)
    open_form(page, "?order=" + FAMILY_ORDER)
    if not javascript:
        _show_order(page, javascript)
    expect(_panel(page)).to_contain_text("Order B4LNDQ-1")
    expect(_panel(page)).to_contain_text("Olle Lindqvist, born 30 August 2014")
    if javascript:
        assert shifted(page) <= 0.02
        expect(page.locator("[data-announcer]")).to_have_text("Order B4LNDQ-1, PURCHASED, 3 consumers")
    fill_entry(page, SIMPLE.but(order=FAMILY_ORDER))
    press_create(page)
    expect_receipt(page, "Consumer created")
    open_form(page, "?order=" + FAMILY_ORDER)
    if not javascript:
        _show_order(page, javascript)
    expect(_panel(page)).to_contain_text("4 consumers")
    expect(_panel(page)).to_contain_text("by Sam Person")
    names = "Lindqvist"
    assert not AuditEvent.objects.filter(data__contains=names).exists()


@WITH_AND_WITHOUT_SCRIPT
def test_cancelled_order_stops_once(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, SIMPLE.but(order=CANCELLED_ORDER))
    _show_order(page, javascript)
    expect(_panel(page)).to_contain_text("This order has the status CANCELLED.")
    press_create(page)
    expect(page.get_by_role("region", name="Check before creating")).to_contain_text("CANCELLED")
    assert creates(sandbox) == 0
    page.locator(".panel-warning").get_by_role("button", name="Create anyway").click()
    expect_receipt(page, "Consumer created")


@pytest.mark.parametrize("fault", ["no_answer_before", "500_before"])
def test_create_works_while_orders_cannot_be_read(
    windows: Windows, staff: User, sandbox: SandboxServer, fault: str
) -> None:
    """The vendor answers the panel after twenty seconds, or not at all; the create does not wait for it."""
    page = windows.open(staff)
    open_form(page)
    for operation in ("retrieve_order", "list_order_consumers"):
        sandbox.sandbox.faults.arm(Armed(fault, operation=operation, times=9, seconds=20))
    fill_entry(page, SIMPLE)
    page.locator("#id_order_ref").press("Tab")
    if fault == "500_before":
        expect(_panel(page)).to_contain_text("The order could not be checked. You can continue.")
    else:
        expect(_panel(page)).to_contain_text("Checking the order…")
    began = time.monotonic()
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert time.monotonic() - began < 10
    assert Submission.objects.get().order_number == ""


def test_order_that_could_not_be_looked_up_is_checked_again(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    failed = "The order number could not be looked up. Enter the order reference, or try again."
    page = windows.open(staff)
    watch_shifts(page)
    open_form(page)
    sandbox.sandbox.faults.arm(Armed("500_before", operation="list_orders", times=4))  # two look-ups
    page.locator("#id_order_ref").fill(SAMPLE_REFERENCE_ID)
    page.locator("#id_order_ref").press("Tab")
    announcer = page.locator("[data-announcer]")
    expect(announcer).to_have_text(failed.removesuffix("."))
    expect(_panel(page)).to_contain_text(failed)
    again = _panel(page).get_by_role("button", name="Check again")
    page.locator(".action-bar .btn-primary").focus()
    page.keyboard.press("Tab")
    expect(again).to_be_focused()  # after the form: no further stop before Create consumer
    with page.expect_response("**/orders/panel/"):
        page.keyboard.press("Enter")
    expect(announcer).to_have_text(failed.removesuffix("."))
    expect(_panel(page)).to_be_focused()
    page.keyboard.press("Tab")
    expect(again).to_be_focused()
    page.keyboard.press("Enter")
    expect(_panel(page)).to_contain_text(f"Order {SAMPLE_REFERENCE_ID}")
    expect(announcer).to_contain_text(f"Order {SAMPLE_REFERENCE_ID}, ")
    expect(again).to_have_count(0)
    expect(_panel(page)).to_be_focused()
    page.locator("#id_order_ref").focus()
    expect(_panel(page)).not_to_have_attribute("tabindex", "-1")  # the keyboard can scroll it
    assert shifted(page) <= 0.02
    assert creates(sandbox) == 0


def test_lost_connection_leaves_the_form_usable(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    page.route("**/orders/panel/", lambda route: route.abort())
    fill_entry(page, SIMPLE)
    expect(_panel(page)).to_contain_text("The order could not be checked. You can continue.")
    page.unroute("**/orders/panel/")
    _panel(page).get_by_role("button", name="Check again").click()
    expect(_panel(page)).to_contain_text(f"Order {SAMPLE_REFERENCE_ID}")
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert windows.complaints, "The browser reports the lost request"
    windows.complaints.clear()
