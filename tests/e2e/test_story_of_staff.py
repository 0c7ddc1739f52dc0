"""The main job from sign-in to receipt, with script and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
from tests.e2e.pages import (
    WHOLE,
    WHOLE_AS_SENT,
    creates,
    expect_headline,
    expect_receipt,
    fill_entry,
    go,
    press_create,
    sign_in,
    stored,
    wire_calls,
)
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e


@IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
def test_staff_create_a_consumer_with_every_field_and_see_the_receipt(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(javascript=javascript)
    sign_in(page, "sam")
    page.get_by_role("link", name="New order consumer").first.click()
    fill_entry(page, WHOLE)
    press_create(page)
    submission = expect_receipt(page, "Consumer created")

    assert stored(sandbox) == [WHOLE_AS_SENT]
    created = sandbox.sandbox.consumers(SAMPLE_ORDER)[0]
    assert submission.consumer_ref == created.ref
    expect(page.locator(".panel-created")).to_contain_text(created.ref)
    expect(page.locator("main")).to_contain_text("7 March 1991")
    expect(page.locator(".differs")).to_have_count(0)
    receipt = page.url

    page.get_by_role("link", name="Open order", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order B94TXY-1")
    expect(page.locator("main")).to_contain_text(created.ref)
    go(page, receipt)
    page.get_by_role("link", name="Open guest", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Guest")
    expect(page.locator("main")).to_contain_text(created.guest_ref)

    _reading_the_receipt_again_sends_nothing(page, receipt, sandbox)
    another = windows.open(javascript=javascript)
    sign_in(another, "sam")
    go(another, receipt)
    expect(another.locator(".panel-created")).to_contain_text(created.ref)

    page.get_by_role("link", name="Add another to this order").click()
    expect(page.get_by_label("Order", exact=True)).to_have_value(SAMPLE_ORDER)
    expect(page.get_by_label("First name")).to_have_value("")
    assert creates(sandbox) == 1


def _reading_the_receipt_again_sends_nothing(page: Page, receipt: str, sandbox: SandboxServer) -> None:
    before = wire_calls(sandbox)
    go(page, receipt)
    page.reload()
    expect_headline(page, "Consumer created")
    assert wire_calls(sandbox) == before
