"""The paste box in a browser: from a machine-readable zone to the receipt, and a document reader's keys."""

from __future__ import annotations

import datetime

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.consumers.paste.mrz_lines import Format
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES, IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
from tests.e2e.pages import (
    SIMPLE,
    creates,
    expect_receipt,
    fill_entry,
    open_form,
    press_create,
    stored,
    token_of,
    wire_calls,
)
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.travel_documents import Document

pytestmark = pytest.mark.e2e

PASSPORT = Document(
    format=Format.TD3,
    issuer="IRL",
    number="PZ4A95Z53",
    last_name=TYPED["mrz last name"].upper(),
    first_name="AOIFE",
    nationality="IRL",
    sex="F",
    born=datetime.date(1991, 3, 7),
    expires=datetime.date(2031, 3, 6),
    optional="",
)
AS_SENT = {
    "firstName": "AOIFE",
    "lastName": PASSPORT.last_name,
    "gender": "female",
    "dateOfBirth": "1991-03-07T00:00:00Z",
    "emails": list(SIMPLE.emails),
    "nationality": "Irish",
    "passportNumber": "PZ4A95Z53",
}
# Keys as events with times of their own, so that the result does not depend on how busy the machine is. The
# result: the keys whose default was prevented, from 0.
TYPE = """(box, [text, pause, start]) => [...text].flatMap((key, index) => {
  const how = {key: key === "\\n" ? "Enter" : key, bubbles: true, cancelable: true};
  const event = new KeyboardEvent("keydown", how);
  Object.defineProperty(event, "timeStamp", {value: start + index * pause});
  return box.dispatchEvent(event) ? [] : [index];
})"""


def open_box(page: Page) -> None:
    """Open the form and its paste box."""
    open_form(page)
    page.locator(".paste > summary").click()


def box_of(page: Page) -> str:
    """The text in the box."""
    return page.locator("#id_paste_text").input_value()


@IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
def test_mrz_leads_to_the_receipt(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_box(page)
    token = token_of(page)
    page.get_by_label("Spreadsheet row or machine-readable zone (MRZ)").fill(PASSPORT.mrz())
    page.get_by_role("button", name="Read").click()
    preview = page.locator(".paste table")
    for shown in (
        PASSPORT.last_name,
        "AOIFE",
        "7 March 1991",
        "Female",
        "Irish",
        "PZ4A95Z53",
        "6 March 2031",
    ):
        expect(preview).to_contain_text(shown)
    expect(page.locator("#id_first_name")).to_have_value("")
    page.get_by_role("button", name="Fill in").click()
    expect(page.locator("#id_first_name")).to_be_focused()
    expect(page.locator("#id_first_name")).to_have_value("AOIFE")
    if javascript:
        announced = page.locator("[data-announcer]")
        expect(announced).to_contain_text("Filled in from the pasted text")
        expect(announced).to_contain_text("Date of expiry: 6 March 2031. No field of the form.")
    assert (box_of(page), token_of(page), wire_calls(sandbox)) == ("", token, 0)

    fill_entry(page, SIMPLE.but(first_name="", last_name=""))
    press_create(page)
    expect_receipt(page, "Consumer created")
    assert stored(sandbox) == [AS_SENT]


@IN_BOTH_ENGINES
def test_last_enter_of_a_document_reader_presses_read_and_slow_keys_never_do(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_box(page)
    text = f"{PASSPORT.mrz()}\n"
    box = page.locator("#id_paste_text")
    box.fill(text)
    assert box.evaluate(TYPE, [text, 60, 0]) == []
    assert box.evaluate(TYPE, [text.replace("\n", ""), 5, 10_000]) == []
    # Outside the box the same keys mean nothing.
    page.locator("#id_last_name").evaluate(TYPE, [text, 5, 20_000])
    expect(page.locator(".paste table")).to_have_count(0)
    assert box.evaluate(TYPE, [text, 5, 30_000]) == [len(text) - 1]
    expect(page.locator(".paste .panel")).to_be_focused()
    expect(page.locator(".paste table")).to_contain_text(PASSPORT.last_name)
    assert wire_calls(sandbox) == 0


def test_enter_in_the_box_is_a_line_break_and_never_creates(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.locator(".paste > summary").click()
    box = page.locator("#id_paste_text")
    box.fill(TYPED["pasted"])
    box.press("End")
    box.press("Enter")
    assert box_of(page) == f"{TYPED['pasted']}\n"
    box.press("Control+Enter")
    expect(page.locator(".paste .panel")).to_be_focused()
    expect(page.locator(".sending-bar")).to_have_count(0)
    # Enter in a field presses Create consumer, which sends nothing while the box has a text.
    page.locator("#id_last_name").press("Enter")
    expect(page.locator(".paste .panel-title")).to_have_text(
        "Nothing was sent: the pasted text is not filled in"
    )
    assert creates(sandbox) == 0
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".paste table")).to_have_count(0)
    press_create(page)
    expect_receipt(page, "Consumer created")


@IN_BOTH_ENGINES
def test_present_value_stays_beside_a_pasted_one_until_the_person_replaces_it(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    open_form(page)
    fill_entry(page, SIMPLE)
    page.locator(".paste > summary").click()
    pasted = f"Order\tSurname\n{SAMPLE_ORDER}\t{TYPED['pasted last name']}"
    page.locator("#id_paste_text").fill(pasted)
    page.get_by_role("button", name="Read").click()
    row = page.locator(".paste tbody tr").nth(1)
    expect(row).to_contain_text(f"In the form: {SIMPLE.last_name}")
    replace = row.get_by_role("checkbox")
    expect(replace).not_to_be_checked()
    expect(page.locator(".paste tbody tr").first).to_contain_text("Already in the form")
    replace.check()
    page.get_by_role("button", name="Fill in").click()
    expect(page.locator("#id_last_name")).to_be_focused()
    expect(page.locator("#id_last_name")).to_have_value(TYPED["pasted last name"])
    assert creates(sandbox) == 0  # the order beside the form was read
