"""The form's promises in Firefox, whose restoring, truncating and leave prompts differ."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, Page, Route, expect
from pytest_django import Settings

from apps.accounts.models import User
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_FIREFOX
from tests.e2e.pages import (
    SIMPLE,
    WHOLE,
    creates,
    expect_error,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    sends_entry,
    typed_again,
)
from tests.e2e.test_long_paste import LONG_NAME
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = [pytest.mark.e2e, *IN_FIREFOX]


@pytest.fixture
def _without_drafts(settings: Settings) -> None:
    """What is stored as a draft, a second after the last key, is left without a question."""
    settings.DRAFT_DAYS = 0


@pytest.fixture
def form(windows: Windows, staff: User) -> Page:
    """A window of a staff user on the empty form."""
    form = windows.open(staff)
    form.goto("/")
    open_form(form)
    return form


def _paste(page: Page, field: str, text: str) -> None:
    """Paste a text that was copied from the page itself."""
    page.evaluate(
        """text => document.body.append(
            Object.assign(document.createElement('textarea'), {id: 'copied', value: text}))""",
        text,
    )
    page.locator("#copied").press("Control+a")
    page.locator("#copied").press("Control+c")
    page.locator("#copied").evaluate("element => element.remove()")
    page.locator(field).press("Control+v")


def test_back_and_reload_restore_nothing_that_was_typed(form: Page, sandbox: SandboxServer) -> None:
    fill_entry(form, WHOLE)
    press_create(form)
    expect_receipt(form, "Consumer created")
    form.go_back()
    expect(form.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert typed_again(form) == {}
    fill_entry(form, WHOLE.but(emails=(), phones=(), identifiers=()))
    form.reload()
    assert typed_again(form) == {}
    assert creates(sandbox) == 1


def test_long_paste_is_not_truncated_and_the_server_refuses_it(form: Page, sandbox: SandboxServer) -> None:
    fill_entry(form, SIMPLE.but(first_name=""))
    _paste(form, "#id_first_name", LONG_NAME)
    expect(form.locator("#id_first_name")).to_have_value(LONG_NAME)
    press_create(form)
    expect_error(form, "id_first_name", "The first name has at most 100 characters")
    expect(form.locator("#id_first_name")).to_have_value(LONG_NAME)
    assert creates(sandbox) == 0


@pytest.mark.usefixtures("_without_drafts")
def test_leaving_a_changed_form_asks(form: Page) -> None:
    form.locator("#id_first_name").press_sequentially(TYPED["first name"])
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    form.on("dialog", stay)
    with form.expect_event("dialog"):
        form.locator("nav a[href='/orders/']").click(no_wait_after=True)
    assert asked == ["beforeunload"]
    expect(form.locator("#id_first_name")).to_have_value(TYPED["first name"])


def test_sending_is_shown_until_the_answer_arrives(form: Page, sandbox: SandboxServer) -> None:
    fill_entry(form, SIMPLE)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    form.route("**/consumers/new/", hold, times=1)
    with form.expect_request(sends_entry):
        form.locator("#id_order_ref").press("Enter")
    expect(form.locator(".sending-bar")).to_have_text(re.compile("^Sending to Sitecore CDP, "))
    assert creates(sandbox) == 0
    held[0].continue_()
    expect_receipt(form, "Consumer created")
    assert creates(sandbox) == 1
