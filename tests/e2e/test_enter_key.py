"""Enter means Create consumer in every field; never Add or Remove."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.conftest import IN_BOTH_ENGINES
from tests.e2e.pages import SIMPLE, WHOLE, creates, expect_receipt, fill_entry, open_form
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
        posted = _press_enter_in(page, name)
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
    posted = _press_enter_in(page, "last_name")
    assert "accepted" not in posted
    expect(page.locator(".panel-warning")).to_be_focused()
    assert creates(sandbox) == 0


def _press_enter_in(page: Page, name: str) -> dict[str, list[str]]:
    """The data that Enter in the field posted, once the next page has loaded."""

    def is_entry(request: Request) -> bool:  # a script also posts phone numbers
        return request.method == "POST" and urlsplit(request.url).path == "/consumers/new/"

    with page.expect_navigation(), page.expect_request(is_entry) as sent:
        page.locator(f"[name={name}]").first.press("Enter")
    return parse_qs(sent.value.post_data or "", keep_blank_values=True)
