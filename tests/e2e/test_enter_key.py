"""Enter means Create consumer in every field; never Add or Remove."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Request, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.data.seed import FAMILY_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES, IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    creates,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    sends_entry,
    stored,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

TEXT_FIELDS = "form.entry input[name]:not([type=hidden]):not([type=radio])"
TWO_ROWS = WHOLE.but(
    order=f"not a reference, {TYPED['no order']}"
)  # two rows of every list, and nothing that can be sent


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_enter_in_any_field_presses_create_and_nothing_else(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, TWO_ROWS)
    names = [str(field.get_attribute("name")) for field in page.locator(TEXT_FIELDS).all()]
    assert {"order_ref", "date_of_birth", "emails-1-value", "phone_numbers-1-value", "identifiers-1-id"} < {
        *names
    }
    assert len(names) == 12
    for name in [*names, "gender"]:
        posted = _press_in(page, name)
        assert not {"add", "remove"} & posted.keys(), name
        assert posted["emails-TOTAL_FORMS"] == ["2"], name
        expect(page.locator("[data-error-summary] a")).to_have_count(1)
    assert creates(sandbox) == 0
    assert not Submission.objects.exists()


@IN_BOTH_ENGINES
@pytest.mark.parametrize("field", ["order_ref", "emails-0-value"])
def test_enter_in_a_field_of_a_valid_entry_creates(
    windows: Windows, staff: User, sandbox: SandboxServer, field: str
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.locator(f"[name={field}]").press("Enter")
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1


def test_enter_on_the_warning_page_overrides_nothing(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=()))
    page.get_by_label("Last name").press("Enter")
    expect(page.locator(".panel-warning")).to_contain_text("will probably create a new guest profile")
    posted = _press_in(page, "last_name")
    assert "accepted" not in posted
    expect(page.locator(".panel-warning")).to_be_focused()
    assert creates(sandbox) == 0


@pytest.mark.parametrize("key", ["Enter", "Control+Enter"])
def test_enter_beside_a_similar_consumer_overrides_nothing(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings, key: str
) -> None:
    settings.CDP_RECONCILIATION = True
    page = windows.open(staff)
    open_form(page)
    fill_entry(
        page, SIMPLE.but(order=FAMILY_ORDER, first_name="Sven", last_name="Lindquist", born="20 1 1968")
    )
    press_create(page)
    reason = page.get_by_label("Why create it anyway?")
    reason.select_option("Different person (family member)")
    field = "last_name" if key == "Enter" else "similar_reason"
    assert "accepted" not in _press_in(page, field, key)
    expect(page.locator(".panel-warning")).to_be_focused()
    expect(reason).to_have_value("family_member")
    assert creates(sandbox) == 0


@IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
def test_enter_does_nothing_where_the_company_has_chosen_so(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings, javascript: bool
) -> None:
    settings.ENTER_CREATES = False
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    fill_entry(page, SIMPLE)
    posted: list[Request] = []
    page.on("request", lambda request: posted.append(request) if sends_entry(request) else None)
    for field in ("order_ref", "last_name", "emails-0-value"):
        page.locator(f"[name={field}]").press("Enter")
    expect(page.get_by_label("Last name")).to_have_value(SIMPLE.last_name)
    assert posted == []
    if javascript:
        page.get_by_label("Last name").press("Control+Enter")
    else:
        press_create(page)
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1


@IN_BOTH_ENGINES
def test_ctrl_enter_creates_from_a_control_that_enter_would_press(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.get_by_role("button", name="Add another identifier").press("Control+Enter")
    expect_receipt(page, "Consumer created")
    assert creates(sandbox) == 1
    assert "identifiers" not in stored(sandbox)[0]


def test_ctrl_enter_on_a_link_opens_it_in_a_new_tab(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Submissions").first.press("Control+Enter")
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("Submissions")
    expect(page.get_by_label("Last name")).to_have_value(SIMPLE.last_name)
    assert creates(sandbox) == 0


def test_ctrl_enter_never_creates_past_a_warning(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(emails=()))
    for focused in ("[name=last_name]", "button[name=accepted]"):
        with page.expect_navigation(), page.expect_request("**/consumers/new/") as sent:
            page.locator(focused).press("Control+Enter")
        assert "accepted" not in parse_qs(sent.value.post_data or "")
        expect(page.locator(".panel-warning")).to_be_focused()
    assert creates(sandbox) == 0


def test_question_mark_lists_the_shortcuts_and_can_be_switched_off(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    open_form(page)
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    page.get_by_label("Last name").press("?")  # a letter of the text
    expect(page.get_by_label("Last name")).to_have_value("?")
    expect(dialog).to_be_hidden()
    page.get_by_label("Last name").fill("")
    page.get_by_label("Not given").press("?")
    expect(dialog).to_be_visible()
    with page.expect_response("**/consumers/shortcuts/"):
        dialog.get_by_label("Use shortcuts of a single key").uncheck()
    dialog.get_by_role("button", name="Close").click()
    for _ in range(2):  # at once, and remembered
        page.get_by_label("Not given").press("?")
        expect(dialog).to_be_hidden()
        open_form(page)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog.get_by_label("Use shortcuts of a single key")).not_to_be_checked()


def test_choice_of_shortcuts_that_cannot_be_stored_says_so(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    open_form(page)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    box = dialog.get_by_label("Use shortcuts of a single key")
    page.route("**/consumers/shortcuts/", lambda route: route.fulfill(status=503), times=1)
    box.click()
    expect(dialog.get_by_role("status")).to_have_text("The choice could not be stored. Try again.")
    expect(box).to_be_checked()
    with page.expect_response("**/consumers/shortcuts/"):
        box.click()
    expect(dialog.get_by_role("status")).to_be_empty()
    expect(box).not_to_be_checked()


def _press_in(page: Page, name: str, key: str = "Enter") -> dict[str, list[str]]:
    """The data that the key in the field posted, once the next page has loaded."""
    with page.expect_navigation(), page.expect_request(sends_entry) as sent:
        page.locator(f"[name={name}]").first.press(key)
    return parse_qs(sent.value.post_data or "", keep_blank_values=True)
