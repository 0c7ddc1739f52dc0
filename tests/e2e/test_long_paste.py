"""The browser truncates nothing: a text that is too long is an error and stays as pasted."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import SIMPLE, creates, expect_error, fill_entry, open_form, press_create
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.e2e.world import World

pytestmark = pytest.mark.e2e

# The painter Picasso's name, 107 characters: public knowledge, not personal data of a consumer.
LONG_NAME = (
    "Pablo Diego José Francisco de Paula Juan Nepomuceno María de los Remedios "
    "Cipriano de la Santísima Trinidad"
)
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def test_long_name_is_pasted_whole_and_reported(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, permissions=CLIPBOARD)
    open_form(page)
    fill_entry(page, SIMPLE.but(first_name=""))
    page.evaluate("text => navigator.clipboard.writeText(text)", LONG_NAME)
    field = page.locator("#id_first_name")
    field.focus()
    page.keyboard.press("Control+V")
    expect(field).to_have_value(LONG_NAME)
    counter = page.locator("#div_id_first_name .counter")
    expect(counter).to_have_text("Characters too many: 7")
    press_create(page)
    expect_error(page, "id_first_name", "The first name has at most 100 characters")
    expect(field).to_have_value(LONG_NAME)
    assert creates(sandbox) == 0
    assert not Submission.objects.exists()


def test_browser_and_server_count_characters_alike(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    open_form(page)
    field, counter = page.locator("#id_first_name"), page.locator("#div_id_first_name .counter")
    field.fill("a" * 89)
    expect(counter).to_have_count(0)
    field.fill("\N{GRINNING FACE}" * 90)  # two units each in UTF-16
    expect(counter).to_have_text("Characters left: 10")
    field.fill(" " + "a" * 100 + "\N{ZERO WIDTH SPACE} ")
    expect(counter).to_have_text("Characters left: 0")


def test_line_break_in_a_note_counts_as_one_character_in_browser_and_server(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    world = World(staff, supervisor)
    page = windows.open(supervisor)
    page.goto(f"/submissions/{world.unknown.public_id}/")
    line = f"{TYPED['world note']}\n"
    note = (line * 200)[:1999] + "x"
    page.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
    page.locator("#id_not_created-note").fill(note)
    expect(page.locator("#div_id_not_created-note .counter")).to_have_text("Characters left: 0")
    page.get_by_role("button", name="Mark as not created").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("as not created")
    world.unknown.refresh_from_db()
    assert world.unknown.resolution_note == note
