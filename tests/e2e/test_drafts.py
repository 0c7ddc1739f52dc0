"""A draft outlives the browser, tabs overwrite nothing, leaving asks only for what is not stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Dialog, Page, Response, expect
from pytest_django import Settings

from apps.accounts.models import Session, User
from apps.consumers.models import Draft
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    typed_again,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

SAVED = re.compile(r"^Draft saved \d\d:\d\d$")


@contextmanager
def saving(page: Page, last: str, state: re.Pattern[str] = SAVED) -> Iterator[None]:
    """Wait until the text that is typed last inside the block is stored, and the page says so."""

    def has_it(response: Response) -> bool:
        return "/consumers/drafts/" in response.url and last in (response.request.post_data or "")

    with page.expect_response(has_it) as answer:
        yield
    assert answer.value.ok
    expect(page.locator(".draft-state")).to_have_text(state)


class Questions:
    """Leaves whenever the browser asks, and counts how often it does."""

    def __init__(self, page: Page) -> None:
        self.asked = 0
        page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        self.asked += 1
        dialog.accept()


def _drafts() -> list[str]:
    return [draft.values["last_name"] for draft in Draft.objects.filter(is_finished=False) if draft.values]


def _columns(page: Page) -> object:
    """Where the columns of the table of drafts begin, in pixels."""
    return page.locator(".drafts th").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect().x)"
    )


def test_entry_of_a_browser_that_died_is_opened_from_the_start_page_and_created(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, own=True)
    open_form(page)
    with saving(page, WHOLE.identifiers[1][1]):
        fill_entry(page, WHOLE.but(last_name=""))
    typed = typed_again(page)
    page.context.close()  # without any event in the page

    page = windows.open(staff)
    page.goto("/")
    row = page.get_by_role("row", name=WHOLE.first_name)
    expect(row).to_contain_text(WHOLE.order)
    row.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert typed_again(page) == typed
    page.locator("#id_last_name").fill(WHOLE.last_name)
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert _drafts() == []
    page.goto("/")
    expect(page.get_by_role("heading", name="Drafts")).to_have_count(0)


def test_two_tabs_of_one_draft_end_in_two_drafts(windows: Windows, staff: User) -> None:
    first = windows.open(staff)
    open_form(first)
    with saving(first, TYPED["first tab"]):
        first.locator("#id_last_name").fill(TYPED["first tab"])
    second = first.context.new_page()
    open_form(second)
    second.get_by_role("link", name="You have 1 other draft").click()
    second.get_by_role("row", name=TYPED["first tab"]).get_by_role("link", name="Open").click()
    expect(second.locator("#id_last_name")).to_have_value(TYPED["first tab"])
    with saving(second, TYPED["second tab"]):
        second.locator("#id_last_name").fill(TYPED["second tab"])
    with saving(first, TYPED["first tab again"], re.compile("^Saved as a separate draft")):
        first.locator("#id_last_name").fill(TYPED["first tab again"])
    assert sorted(_drafts()) == sorted([TYPED["second tab"], TYPED["first tab again"]])
    second.goto("/")
    row = second.get_by_role("row", name=TYPED["first tab again"])
    expect(row.get_by_role("button")).to_have_count(0)
    columns = _columns(second)
    row.locator("summary").click()
    discard = row.get_by_role("button", name="Discard draft")
    discard.wait_for()
    assert _columns(second) == columns
    discard.click()
    expect(second.locator(".messages")).to_have_text("The draft was discarded")
    assert _drafts() == [TYPED["second tab"]]


def test_stored_changes_are_left_without_a_question_and_others_with_one(
    windows: Windows, staff: User
) -> None:
    page = windows.open(staff)
    questions = Questions(page)
    open_form(page)
    with saving(page, TYPED["first name"]):
        page.locator("#id_first_name").press_sequentially(TYPED["first name"])
    page.goto("/")
    assert questions.asked == 0
    open_form(page)
    page.route("**/consumers/drafts/**", lambda _route: None)  # no save is answered
    page.locator("#id_first_name").press_sequentially("x")
    page.goto("/")
    assert questions.asked == 1


def test_last_keys_before_a_page_is_left_are_stored(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    Questions(page)
    open_form(page)
    page.locator("#id_last_name").press_sequentially(TYPED["last keys"])
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("What do you want to do?")

    def is_stored() -> bool:
        page.reload()
        return page.get_by_role("row", name=TYPED["last keys"]).count() == 1

    assert any(is_stored() for _ in range(20))


def test_form_that_came_back_with_errors_is_stored_at_once(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    questions = Questions(page)
    open_form(page)
    fill_entry(page, SIMPLE.but(first_name=""))
    expect(page.locator(".draft-state")).to_have_text(SAVED)
    press_create(page)
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator(".draft-state")).to_have_text(SAVED)
    page.goto("/")
    assert questions.asked == 0
    assert len(_drafts()) == 1


def test_end_of_the_session_is_said_and_what_was_typed_stays(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    Questions(page)
    open_form(page)
    Session.objects.all().delete()
    page.locator("#id_last_name").fill(TYPED["after the session"])
    expect(page.locator(".draft-state")).to_contain_text(
        "Draft not saved: your session has ended. Send the form"
    )
    expect(page.locator("#id_last_name")).to_have_value(TYPED["after the session"])
    assert not Draft.objects.exists()


def test_portal_that_does_not_answer_is_said_and_the_draft_follows(windows: Windows, staff: User) -> None:
    page = windows.open(staff, own=True)
    open_form(page)
    page.context.set_offline(True)
    page.locator("#id_last_name").fill(TYPED["while away"])
    expect(page.locator(".draft-state")).to_have_text("Draft not saved: the portal does not answer")
    with saving(page, TYPED["while away"]):
        page.context.set_offline(False)
    windows.expect_lost_connection()
    assert _drafts() == [TYPED["while away"]]


def test_without_drafts_nothing_is_said(windows: Windows, staff: User, settings: Settings) -> None:
    settings.DRAFT_DAYS = 0
    page = windows.open(staff)
    open_form(page)
    expect(page.locator(".draft-state")).to_have_count(0)
