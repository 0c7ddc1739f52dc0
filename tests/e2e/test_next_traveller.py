"""Several people on one order: from the receipt to the next entry, with script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from apps.accounts.models import Session, User
from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    WHOLE_AS_SENT,
    create,
    creates,
    expect_receipt,
    open_form,
    open_submitted,
    press_create,
    sends_entry,
    sign_in,
    stored,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

NEXT = "Add another to this order"


@IN_BOTH_ENGINES
def test_receipt_leads_to_the_next_first_name_with_one_key(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    create(page, WHOLE)
    expect(page.get_by_role("link", name=NEXT)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#id_first_name")).to_be_focused()
    page.keyboard.type(f"Ben {TYPED['next first name']}")
    press_create(page)
    page.get_by_role("button", name="Create anyway").click()
    expect_receipt(page, "Consumer created")
    whole, following = stored(sandbox)
    assert following == {
        name: whole[name] for name in ("lastName", "nationality", "country", "phoneNumbers")
    } | {"firstName": f"Ben {TYPED['next first name']}"}


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_choice_of_what_to_carry_over_applies_at_once_and_is_remembered(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    page.locator("#id_first_name").fill(f"Ben {TYPED['next first name']}")
    page.locator(".carry-over summary").click()
    for label, mark in (("Email addresses", True), ("Phone numbers", False), ("Last name", False)):
        page.locator(".carry-over").get_by_label(label).set_checked(mark)
        if javascript:
            expect(_changed(page, label)).to_have_count(1)
    apply = page.get_by_role("button", name="Apply")
    if javascript:
        expect(apply).to_be_hidden()
    else:
        apply.click()
    expected = {
        "order_ref": WHOLE.order,
        "first_name": f"Ben {TYPED['next first name']}",
        "emails-0-value": str(WHOLE_AS_SENT["emails"][0]),
        "emails-1-value": WHOLE.emails[1],
        "nationality": WHOLE.nationality,
        "country": "IE",
    }
    assert _without_choice(page) == expected
    page.goto(page.url)
    del expected["first_name"]
    assert _without_choice(page) == expected


def test_what_is_typed_while_a_choice_is_applied_stays(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    choices, announced = page.locator(".carry-over"), page.locator("[data-announcer]")
    page.locator(".carry-over summary").click()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/consumers/new/?*", hold)
    with page.expect_request(sends_entry):
        choices.get_by_label("Last name").uncheck()
    last_name = page.locator("#id_last_name")
    last_name.fill(TYPED["next last name"])
    held.pop().continue_()
    expect(announced).to_have_text("The field in the form stays as it is")
    expect(last_name).to_have_value(TYPED["next last name"])
    expect(last_name).to_be_focused()

    # A field that has the focus and was not changed is replaced, and keeps the focus.
    with page.expect_request(sends_entry):
        choices.get_by_label("Nationality").uncheck()
    page.locator("#id_nationality").focus()
    held.pop().continue_()
    expect(announced).to_have_text("The field in the form is updated")
    expect(page.locator("#id_nationality")).to_have_value("")
    expect(page.locator("#id_nationality")).to_be_focused()


def test_choice_that_cannot_be_applied_is_reset_and_reported(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    page.locator(".carry-over summary").click()
    last_name = page.locator(".carry-over").get_by_label("Last name")
    failed = page.get_by_text("The choice was not applied. Try again.")
    page.route("**/consumers/new/?*", lambda route: route.abort("connectionreset"))
    last_name.click()
    expect(failed.first).to_be_visible()
    expect(last_name).to_be_checked()
    expect(page.locator("#id_last_name")).to_have_value(WHOLE.last_name)
    page.unroute("**/consumers/new/?*")
    last_name.click()
    expect(page.locator("#id_last_name")).to_have_value("")
    expect(last_name).not_to_be_checked()
    expect(page.locator("[data-carry-failed]")).to_be_hidden()
    windows.expect_lost_connection()


def test_choice_in_a_page_of_an_earlier_session_fills_no_other_form(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    page.locator(".carry-over summary").click()
    Session.objects.all().delete()
    other = page.context.new_page()
    sign_in(other, staff.username)
    page.locator(".carry-over").get_by_label("Nationality").click()
    expect(page.get_by_text("The choice was not applied. Try again.").first).to_be_visible()
    open_form(other)
    assert typed_again(other) == {}


def test_choice_after_the_session_ended_leaves_no_message_on_the_sign_in_page(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    page.locator(".carry-over summary").click()
    Session.objects.all().delete()
    page.locator(".carry-over").get_by_label("Nationality").click()
    expect(page.get_by_text("The choice was not applied. Try again.").first).to_be_visible()
    other = page.context.new_page()
    other.goto("/accounts/login/")
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    expect(other.locator(".message")).to_have_count(0)


def test_create_waits_for_a_choice_that_is_being_applied(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    held = _next_with_held_choice(page, staff)
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    held.pop().continue_()
    page.get_by_role("button", name="Create anyway").click()
    expect_receipt(page, "Consumer created")
    _whole, following = stored(sandbox)
    assert "nationality" not in following
    assert following["country"] == "IE"


def test_nothing_is_sent_if_the_choice_cannot_be_applied(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    held = _next_with_held_choice(page, staff)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if sends_entry(request) else None)
    press_create(page)
    page.locator(".carry-over").evaluate("part => { part.open = false; }")
    held.pop().abort("connectionreset")
    expect(page.get_by_text("The choice was not applied. Try again.").first).to_be_visible()
    nationality = page.locator(".carry-over").get_by_label("Nationality")
    expect(nationality).to_be_focused()
    expect(nationality).to_be_checked()
    expect(page.locator("form.entry .btn-primary")).to_have_text("Create consumer")
    assert (sent, creates(sandbox)) == ([], 1)
    windows.expect_lost_connection()
    page.keyboard.press("Space")
    press_create(page)
    page.get_by_role("button", name="Create anyway").click()
    expect_receipt(page, "Consumer created")
    _whole, following = stored(sandbox)
    assert "nationality" not in following


def test_another_button_of_the_form_waits_for_a_choice_that_is_being_applied(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    held = _next_with_held_choice(page, staff)
    latest = page.get_by_role("button", name="Show your latest submissions")
    latest.click()
    held.pop().continue_()
    expect(latest).to_have_count(0)
    expect(page.locator("#id_nationality")).to_have_value("")
    expect(page.locator(".carry-over input[name=carry-nationality]")).not_to_be_checked()


def test_copy_of_a_row_fills_the_form(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    page = windows.open(staff)
    open_submitted(page, staff)
    page.goto(f"/consumers/new/?order={SIMPLE.order}")
    expect(page.locator("#id_last_name")).to_have_value("")
    added, order = (
        page.get_by_role("heading", name="Added to this order today"),
        page.locator("#id_order_ref"),
    )
    order.fill(GROUP_ORDER)
    expect(added).to_be_hidden()
    order.fill(SIMPLE.order.upper())
    expect(added).to_be_visible()
    page.locator("[data-added-today]").get_by_role("button", name="Copy details").click()
    expect(page.locator("#id_last_name")).to_have_value(SIMPLE.last_name)
    expect(page.locator("#id_first_name")).to_be_focused()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_details_of_a_consumer_on_the_order_are_copied_without_losing_what_is_typed(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page, "?order=" + FAMILY_ORDER)
    if not javascript:
        page.get_by_role("button", name="Check order").click()
    page.locator("#id_first_name").fill(f"Ben {TYPED['next first name']}")
    page.locator("#id_nationality").fill(f"Other {TYPED['nationality']}")
    copy = page.get_by_role("button", name="Copy details Olle Lindqvist")
    copy.click()
    kept = page.get_by_role("region", name="Copied from Olle Lindqvist")
    expect(kept).to_contain_text("Not copied, because you entered something else: Nationality")
    if javascript:
        expect(kept).to_be_focused()
    expect(page.locator("#id_first_name")).to_have_value(f"Ben {TYPED['next first name']}")
    expect(page.locator("#id_last_name")).to_have_value("Lindqvist")
    expect(page.locator("#id_nationality")).to_have_value(f"Other {TYPED['nationality']}")
    expect(copy).to_be_visible()
    page.get_by_role("button", name="Replace what you entered").click()
    expect(page.locator("#id_nationality")).not_to_have_value(f"Other {TYPED['nationality']}")
    page.get_by_role("button", name="Show your latest submissions").click()
    expect(page.get_by_text("You have no submissions yet.")).to_be_visible()
    expect(page.locator("#id_last_name")).to_have_value("Lindqvist")
    press_create(page)
    expect(page.get_by_role("region", name="Check before creating")).to_be_visible()
    page.get_by_role("button", name="Create anyway").click()
    expect_receipt(page, "Consumer created")
    assert stored(sandbox, FAMILY_ORDER)[0]["lastName"] == "Lindqvist"


def _next_with_held_choice(page: Page, staff: User) -> list[Route]:
    """The form for the next traveller, where the request that unticks Nationality is held back."""
    open_submitted(page, staff, WHOLE_AS_SENT)
    page.get_by_role("link", name=NEXT).click()
    page.locator("#id_first_name").fill(f"Ben {TYPED['next first name']}")
    page.locator(".carry-over summary").click()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/consumers/new/?*", hold, times=1)
    with page.expect_request(sends_entry):
        page.locator(".carry-over").get_by_label("Nationality").uncheck()
    return held


def _changed(page: Page, label: str) -> Locator:
    """The field after the change: with e-mail addresses, without phone numbers and last name."""
    return {
        "Email addresses": page.locator("#emails-1, #id_emails-1-value"),
        "Phone numbers": page.locator("#phone_numbers:not(:has(#id_phone_numbers-1-value))"),
        "Last name": page.locator("#div_id_last_name:has(input:not([value]))"),
    }[label]


def _without_choice(page: Page) -> dict[str, str]:
    return {name: value for name, value in typed_again(page).items() if not name.startswith("carry-")}
