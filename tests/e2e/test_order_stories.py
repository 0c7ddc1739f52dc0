"""From what a person has in hand to a consumer on the order: a loyalty ID, or an order with the vendor down.

An order number that three orders have and a cancelled order are in ``test_order_beside_form``.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    creates,
    expect_receipt,
    fill_entry,
    go,
    open_form,
    press_create,
    stored,
    typed_again,
)
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

WITH_AND_WITHOUT_SCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
LOYALTY_ID, OF_FERRANTE = "LP-0048213", "7f11ee19-d49d-4a71-a615-dc020b7ef25e"
NOBODY_LISTENS = "http://127.0.0.1:9"  # the discard port


@WITH_AND_WITHOUT_SCRIPT
def test_loyalty_id_leads_to_the_guest_their_order_and_a_new_consumer(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    go(page, "/orders/")
    page.get_by_role("link", name="Find a guest by email address or identifier").click()
    page.get_by_label("Identifier provider").select_option("LoyaltyProgramme")
    page.get_by_label("Identifier ID").fill(LOYALTY_ID)
    page.get_by_role("button", name="Find guest").click()
    guest = page.get_by_role("row").filter(has_text="Tobias Ferrante")
    guest.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Guest")
    page.get_by_role("link", name="Find the orders of this guest").click()
    page.get_by_role("link", name="Open order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order B3FERR-1")
    page.get_by_role("link", name="New order consumer for this order").click()
    expect(page.get_by_label("Order", exact=True)).to_have_value(OF_FERRANTE)
    fill_entry(page, SIMPLE.but(order=""))
    press_create(page)
    submission = expect_receipt(page, "Consumer created")
    assert submission.order_ref == OF_FERRANTE
    assert len(stored(sandbox, OF_FERRANTE)) == 1
    assert LOYALTY_ID not in "".join(windows.requests)
    go(page, "/orders/")
    recent = page.get_by_role("region", name="Your recent orders")
    expect(recent).to_contain_text("1 added by you")
    recent.get_by_role("link", name="B3FERR-1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order B3FERR-1")


@WITH_AND_WITHOUT_SCRIPT
def test_entry_survives_while_the_vendor_is_down_and_is_sent_once_afterwards(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings, javascript: bool
) -> None:
    reachable = settings.CDP_BASE_URL
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    settings.CDP_BASE_URL = NOBODY_LISTENS
    fill_entry(page, SIMPLE)
    if javascript:
        page.locator("#id_order_ref").press("Tab")
    else:
        page.get_by_role("button", name="Check order").click()
    beside = page.get_by_role("region", name="The order", exact=True)
    expect(beside).to_contain_text("The order could not be checked. You can continue.")
    entered = typed_again(page)
    press_create(page)
    panel = page.locator(".panel-not_sent")
    expect(panel).to_contain_text("Nothing was sent. You can send it again.")
    assert typed_again(page) == entered
    assert (Submission.objects.get().outcome, creates(sandbox)) == (Outcome.NOT_SENT, 0)
    settings.CDP_BASE_URL = reachable
    press_create(page)
    submission = expect_receipt(page, "Consumer created")
    assert submission.resubmission_of == Submission.objects.get(outcome=Outcome.NOT_SENT)
    assert (creates(sandbox), len(stored(sandbox))) == (1, 1)
