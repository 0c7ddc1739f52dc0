"""Leaving a form with typed text asks first; leaving any other page does not."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Dialog, Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES
from tests.e2e.pages import SIMPLE, create, expect_receipt, fill_entry, open_form, press_create, typed_again
from tests.e2e.stopping import record_texts
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.e2e.world import World

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _without_drafts(settings: Settings) -> None:
    """What is stored as a draft is left without a question (test_drafts.py)."""
    settings.DRAFT_DAYS = 0


class Questions:
    """Answers each prompt of the browser whether to leave, and counts them."""

    def __init__(self, page: Page, *, leave: bool = False) -> None:
        self.asked = 0
        self._leave = leave
        page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        assert dialog.type == "beforeunload"
        self.asked += 1
        dialog.accept() if self._leave else dialog.dismiss()


def _type(page: Page, field: str, text: str) -> None:
    page.locator(field).press_sequentially(text)  # browsers prompt only after an interaction


def test_leaving_a_changed_form_asks_and_staying_preserves_it(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    page.goto("/")
    page.get_by_role("link", name="New order consumer").first.click()
    questions = Questions(page)
    _type(page, "#id_first_name", TYPED["first name"])
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Submissions").first.click(no_wait_after=True)
    with page.expect_event("dialog"):
        page.get_by_role("button", name="Sign out").click(no_wait_after=True)
    with page.expect_event("dialog"):
        page.evaluate("history.back()")
    assert questions.asked == 3
    expect(page.locator("#id_first_name")).to_have_value(TYPED["first name"])


def test_unchanged_or_emptied_form_is_left_without_a_prompt(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    questions = Questions(page)
    open_form(page)
    _type(page, "#id_first_name", "x")
    page.keyboard.press("Backspace")
    page.get_by_role("button", name="Add another email address").click()  # an additional empty row is no loss
    page.get_by_role("link", name="Submissions").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Submissions")
    assert questions.asked == 0


def test_creating_causes_no_leave_prompt(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    page = windows.open(staff)
    questions = Questions(page)
    create(page)
    page.goto("/")
    assert questions.asked == 0


def test_changed_correction_asks_once_and_the_previous_submission_opens_in_a_new_tab(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    sandbox.sandbox.faults.arm(Armed("401"))
    press_create(page)
    page.wait_for_url("**/consumers/new/?from=*")
    questions = Questions(page)
    page.locator("#id_first_name").click()
    page.reload()
    assert questions.asked == 0  # unchanged since the server rendered it

    _type(page, "#id_nationality", TYPED["nationality"])
    typed = typed_again(page)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="View previous attempt (opens in a new tab)").click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    assert opened.value.url.endswith(f"/submissions/{Submission.objects.get().public_id}/")
    assert opened.value.evaluate("window.opener") is None
    opened.value.close()
    assert typed_again(page) == typed
    assert questions.asked == 0


def test_entry_returned_with_errors_asks_before_leaving(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE.but(last_name=""))
    press_create(page)
    expect(page.locator("[data-error-summary]")).to_be_focused()
    questions = Questions(page)
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Submissions").first.click(no_wait_after=True)
    assert questions.asked == 1
    expect(page.locator("#id_first_name")).to_have_value(SIMPLE.first_name)


def test_unfinished_resolution_asks_before_leaving_and_a_sent_one_does_not(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    world = World(staff, supervisor)
    page = windows.open(supervisor)
    page.goto(f"/submissions/{world.unknown.public_id}/")
    questions = Questions(page)
    _type(page, "#id_not_created-note", TYPED["world note"])
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Submissions").first.click(no_wait_after=True)
    assert questions.asked == 1
    page.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
    page.get_by_role("button", name="Mark as not created").click()
    expect_receipt(page, "A supervisor marked this consumer as not created")
    assert questions.asked == 1


@IN_BOTH_ENGINES
def test_sending_one_of_several_forms_asks_about_what_is_typed_in_another(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    page = windows.open(supervisor)
    page.goto(f"/submissions/{World(staff, supervisor).unknown.public_id}/")
    questions = Questions(page)
    page.get_by_text("Add a note").click()
    _type(page, "#id_note_text", TYPED["world note"])
    page.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
    _type(page, "#id_not_created-note", TYPED["world earlier note"])
    send = page.get_by_role("button", name="Mark as not created")
    said = record_texts(send.element_handle())
    # No button has such a text where another form can be changed.
    send.evaluate("button => button.setAttribute('data-sending-label', 'Sending…')")
    with page.expect_event("dialog"):
        send.click(no_wait_after=True)
    expect(send).to_be_visible()  # by this name
    assert said() == ["Sending…", "Mark as not created"]
    expect(page.locator("#id_note_text")).to_have_value(TYPED["world note"])
    expect(page.locator("#id_not_created-note")).to_have_value(TYPED["world earlier note"])
    # The form was not sent, so what is typed in it can be lost again.
    page.locator("#id_note_text").fill("")
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Submissions").first.click(no_wait_after=True)
    assert questions.asked == 2


def test_comparison_before_a_resolution_asks_before_leaving_and_not_before_its_buttons(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    page = windows.open(supervisor)
    page.goto(f"/submissions/{World(staff, supervisor).unknown.public_id}/")
    questions = Questions(page)
    # Nothing typed comes back with these errors, so that nothing is lost by the other form.
    page.get_by_role("button", name="Mark as created").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.get_by_role("button", name="Mark as not created").click()
    expect(page.locator("#id_not_created-reason_error")).to_be_visible()
    page.get_by_label("Consumer reference").fill(str(uuid.uuid4()))
    page.locator("#id_created-reason").select_option("seen_in_cdp")
    page.get_by_role("button", name="Mark as created").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Compare before you mark as created")
    assert questions.asked == 0
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Back to the receipt").click(no_wait_after=True)
    assert questions.asked == 1
    expect(heading).to_have_text("Compare before you mark as created")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Consumer reference")).not_to_be_empty()
    assert questions.asked == 1
