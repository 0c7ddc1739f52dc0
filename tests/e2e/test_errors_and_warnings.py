"""Errors and warnings of the form before anything is sent."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from sandbox.data.seed import FAMILY_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    creates,
    expect_error,
    expect_receipt,
    fill_entry,
    fill_rows,
    open_form,
    press_create,
    press_create_anyway,
    stored,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

DESK = f"the {TYPED['phone in words']} desk"


def test_errors_are_shown_in_the_summary_and_at_their_fields_with_links(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    expect(page).to_have_title(
        "New order consumer – Consumer Portal – Practice – nothing reaches Sitecore CDP"
    )
    press_create(page)
    expect_error(page, "id_order_ref", "Enter the order")
    expect_error(page, "id_first_name", "Enter the first name")
    expect_error(page, "id_last_name", "Enter the last name")
    links = page.locator("[data-error-summary] a")
    expect(links).to_have_count(3)
    links.nth(2).click()
    expect(page.get_by_label("Last name")).to_be_focused()
    page.keyboard.type(TYPED["typed at once"])
    expect(page.get_by_label("Last name")).to_have_value(TYPED["typed at once"])
    # The field's description still contains the hint beside the error.
    expect(page.get_by_label("Order", exact=True)).to_have_accessible_description(re.compile("order number"))
    assert creates(sandbox) == 0


def test_error_in_a_row_names_the_row_and_the_other_rows_stay(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=(f"{TYPED['good']}@example.com", f"not an address, {TYPED['bad']}")))
    fill_rows(
        page,
        "identifiers",
        "Add another identifier",
        [{"provider": "ProfileSystem"}, {"id": TYPED["lone identifier"]}],
    )
    typed = typed_again(page)
    press_create(page)
    expect_error(page, "id_emails-1-value", "Enter the email address in full, such as name@example.com")
    expect_error(page, "id_identifiers-0-id", "Enter the ID for this provider")
    expect_error(page, "id_identifiers-1-provider", "Choose the provider of this identifier")
    assert typed_again(page) == typed
    page.get_by_role("link", name="Choose the provider of this identifier").click()
    expect(page.locator("#id_identifiers-1-provider")).to_be_focused()
    assert creates(sandbox) == 0


def test_link_pasted_as_order_reference_is_reduced_to_the_reference(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    link = f"https://api-engage-eu.sitecorecloud.io/v2.1/orders/{SIMPLE.order}/consumers?expand=true"
    fill_entry(page, SIMPLE.but(order=f"  {link} "))
    press_create(page)
    assert expect_receipt(page, "Consumer created").order_ref == SIMPLE.order


def test_identifier_is_sent_without_invisible_characters_and_the_receipt_shows_it(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    identifier = f"LP-{TYPED['identifier']}"
    pasted = f"{identifier}\N{ZERO WIDTH SPACE}"
    fill_entry(page, SIMPLE.but(identifiers=(("LoyaltyProgramme", pasted),)))
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox)[0]["identifiers"] == [{"provider": "LoyaltyProgramme", "id": identifier}]
    row = page.get_by_role("row").filter(has_text="Identifiers")
    expect(row).to_contain_text(re.compile("invisible", re.IGNORECASE))


def test_page_stops_once_with_its_warnings_and_create_anyway_sends(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=(), phones=(DESK,), born="7 March 1891"))
    typed = typed_again(page)
    press_create(page)
    panel = page.locator(".panel-warning")
    expect(panel).to_be_focused()
    expect(panel.get_by_role("listitem")).to_have_count(3)
    expect(panel).to_contain_text("will probably create a new guest profile")
    expect(panel).to_contain_text("The date of birth is over 120 years ago.")
    expect(panel).to_contain_text(f"{DESK} cannot be read as a phone number. It will be sent as typed.")
    assert typed_again(page) == typed
    press_create(page)  # overrides nothing
    expect(panel).to_be_focused()
    assert creates(sandbox) == 0

    press_create_anyway(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox)[0]["phoneNumbers"] == [DESK]
    requested = AuditEvent.objects.get(action="consumer.create_requested")
    assert requested.details["overridden"] == [
        "born_over_120_years_ago",
        "no_matching_identity",
        "phone_number_not_read",
    ]


def test_warning_that_appears_later_stops_again(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=()))
    press_create(page)
    expect(page.locator(".panel-warning").get_by_role("listitem")).to_have_count(1)
    page.locator("#id_date_of_birth").fill("7 March 1891")
    press_create_anyway(page)
    expect(page.locator(".panel-warning")).to_contain_text("The date of birth is over 120 years ago.")
    assert creates(sandbox) == 0


def test_consumer_like_one_added_elsewhere_is_created_with_a_reason(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    page = windows.open(staff)
    open_form(page)
    # On the order: Sven Lindqvist, born 20 January 1968, whom another system added.
    fill_entry(
        page, SIMPLE.but(order=FAMILY_ORDER, first_name="Sven", last_name="Lindquist", born="20 1 1968")
    )
    press_create(page)
    panel = page.locator(".panel-warning")
    expect(panel).to_be_focused()
    expect(panel).to_contain_text("A similar consumer is on this order in Sitecore CDP.")
    name = panel.get_by_role("row").filter(has_text="Last name")
    expect(name.get_by_role("cell")).to_have_text(["Lindquist", "Lindqvist", "Similar"])
    born = panel.get_by_role("row").filter(has_text="Date of birth")
    expect(born.get_by_role("cell")).to_have_text(["20 January 1968", "20 January 1968", "Same"])

    press_create_anyway(page)
    expect_error(page, "id_similar_reason", "Choose why the consumer should be created anyway")
    assert creates(sandbox) == 0

    panel.get_by_label("Why create it anyway?").select_option("Different person (family member)")
    press_create_anyway(page)
    expect_receipt(page, "Consumer created")
    expect(page.get_by_text("Compared with all 3 consumers on the order.")).to_be_visible()
    expect(page.get_by_text("different person (family member)", exact=False)).to_be_visible()
    requested = AuditEvent.objects.get(action="consumer.create_requested")
    assert requested.details["overridden"] == ["similar_consumer"]
    assert requested.details["similar_reason"] == "family_member"
