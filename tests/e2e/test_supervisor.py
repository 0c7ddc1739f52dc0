"""The additional pages of a supervisor: resolving unknown outcomes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    creates,
    expect_error,
    expect_receipt,
    fault_order,
    open_submitted,
    press_create,
    sign_in,
)
from tests.e2e.test_outcomes import UNKNOWN
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.people import make_person

pytestmark = pytest.mark.e2e

ORDER = fault_order("500_after")  # the consumer is created before the error
COMPARE = "Compare before you mark as created"
NOTE = f"Seen on the order page of {TYPED['note']}"


@pytest.fixture
def unknown(windows: Windows, staff: User) -> Page:
    """The window of a staff user, on the receipt of an unknown outcome."""
    page = windows.open(staff)
    open_submitted(page, staff, order=ORDER)
    expect_receipt(page, UNKNOWN)
    expect(page.get_by_role("button", name="Mark as")).to_have_count(0)
    return page


def _wait_for_the_order(page: Page) -> None:
    """Wait until the order beside the form is read: htmx logs a request that leaving cuts off as an error."""
    expect(page.locator("[data-order-panel].htmx-request")).to_have_count(0)


def _open_from_start(windows: Windows) -> Page:
    page = windows.open()
    sign_in(page, "sue")
    page.get_by_role("link", name="1 submission of unknown outcome").click()
    expect_receipt(page, UNKNOWN)
    return page


def test_supervisor_marks_an_unknown_submission_as_created(
    windows: Windows, supervisor: User, unknown: Page, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    page = _open_from_start(windows)
    page.get_by_role("button", name="Mark as created").click()
    expect_error(page, "id_created-consumer_ref", "Enter the consumer reference in full")
    expect_error(page, "id_created-reason", "Choose the reason")
    done = sandbox.sandbox.consumers(ORDER)[-1]
    page.get_by_label("Consumer reference").fill(done.ref)
    page.locator("#id_created-reason").select_option("seen_in_cdp")
    page.locator("#id_created-note").fill(NOTE)
    page.get_by_role("button", name="Mark as created").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(COMPARE)
    expect(page.locator("tr", has_text="Last name")).to_contain_text(f"{SIMPLE.last_name} {SIMPLE.last_name}")
    expect(page.locator("main")).not_to_contain_text("Differs")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Consumer reference")).to_have_value(done.ref)
    expect(page.locator("#id_created-note")).to_have_value(NOTE)
    page.get_by_role("button", name="Mark as created").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(COMPARE)
    page.get_by_role("button", name="Mark as created").click()
    submission = expect_receipt(page, "Consumer created")
    assert (submission.consumer_ref, submission.resolved_by) == (done.ref, supervisor)
    expect(page.locator(".panel-created")).to_contain_text("Resolved by Sue Person: seen in Sitecore CDP.")
    expect(page.locator(".panel-created")).to_contain_text("Verified by the portal")
    expect(page.locator("main")).to_contain_text(NOTE)

    unknown.reload()
    expect_receipt(unknown, "Consumer created")
    expect(unknown.locator(".panel-created")).to_contain_text(done.ref)
    expect(unknown.locator("main")).not_to_contain_text(NOTE)
    assert creates(sandbox) == 1


def test_without_the_vendor_a_supervisor_states_it_and_another_corrects_it(
    windows: Windows, supervisor: User, unknown: Page, sandbox: SandboxServer
) -> None:
    late = windows.open(make_person("sol", "supervisor"), javascript=False)
    late.goto(unknown.url)
    page = _open_from_start(windows)
    done = sandbox.sandbox.consumers(ORDER)[-1]
    page.get_by_label("Consumer reference").fill(f"https://cdp.example/v2.1/orderConsumers/{done.ref}")
    page.locator("#id_created-reason").select_option("seen_in_cdp")
    page.get_by_role("button", name="Mark as created").click()
    expect(page.locator(".panel-warning")).to_contain_text("The portal could not read this consumer")
    page.get_by_role("button", name="Mark as created").click()
    expect_error(page, "id_created-compared", "Confirm that you compared it in Sitecore CDP")
    page.get_by_label("I compared it in Sitecore CDP myself").check()
    page.get_by_role("button", name="Mark as created").click()
    expect_receipt(page, "Marked as created by Sue Person, not verified")
    expect(page.locator(".panel-warning")).to_contain_text("Not verified by the portal.")

    late.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
    late.locator("#id_not_created-note").fill(NOTE)
    late.get_by_role("button", name="Mark as not created").click()
    expect(late.get_by_role("heading", level=1)).to_have_text("Already resolved by Sue Person")
    expect(late.locator(".panel-warning")).to_contain_text("Your resolution was not saved:")
    expect(late.locator(".panel-warning")).to_contain_text(NOTE)
    expect(late.locator("#id_not_created-note")).to_have_value(NOTE)
    late.get_by_role("button", name="Mark as not created").click()
    expect_receipt(late, "A supervisor marked this consumer as not created")
    expect(late.locator("main")).to_contain_text("Earlier resolutions")
    expect(late.locator("main")).to_contain_text(done.ref)
    assert creates(sandbox) == 1


def test_supervisor_marks_as_not_created_and_staff_send_it_again(
    windows: Windows, supervisor: User, unknown: Page, sandbox: SandboxServer
) -> None:
    page = _open_from_start(windows)
    page.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
    page.get_by_role("button", name="Mark as not created").click()
    not_created = expect_receipt(page, "A supervisor marked this consumer as not created")

    unknown.reload()
    unknown.get_by_role("link", name="Correct and send again").click()
    expect(unknown.locator(".panel-not_created")).to_be_focused()
    expect(unknown.get_by_label("Last name")).to_have_value(SIMPLE.last_name)
    order = unknown.get_by_label("Order", exact=True)
    order.fill(SIMPLE.order)
    order.press("Tab")
    _wait_for_the_order(unknown)
    press_create(unknown)
    assert expect_receipt(unknown, "Consumer created").resubmission_of == not_created
    assert creates(sandbox) == 2
