"""Values typed about one person never appear in another form: a new form is empty, however it was opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import User
from apps.core.web import middleware
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import WHOLE, creates, expect_receipt, fill_entry, open_form, press_create, typed_again
from tests.e2e.windows import ReusedContexts, Windows
from tests.support.browser import ARGUMENTS, find_whole_chromium

pytestmark = pytest.mark.e2e

SCRIPT = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
CACHE = ["--enable-features=BackForwardCache"]


def _expect_empty(page: Page) -> None:
    """Assert that every control is empty, including those that the browser restores: selects and radios."""
    expect(page.get_by_role("heading", level=1)).to_have_text("New order consumer")
    assert typed_again(page) == {}
    expect(page.get_by_label("Not given")).to_be_checked()


@SCRIPT
def test_back_and_forward_after_a_create_restore_no_personal_data(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    rows = [] if not javascript else WHOLE.identifiers[:1]
    fill_entry(page, WHOLE.but(emails=WHOLE.emails[:1], phones=WHOLE.phones[:1], identifiers=rows))
    page.locator("[name=identifiers-0-provider]").select_option("ProfileSystem")
    page.locator("[name=identifiers-0-id]").fill(WHOLE.identifiers[0][1])
    press_create(page)
    expect_receipt(page, "Consumer created")
    page.go_back()
    _expect_empty(page)
    page.go_back()
    page.go_forward()
    _expect_empty(page)
    assert creates(sandbox) == 1


@SCRIPT
def test_reloaded_or_revisited_form_is_empty(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    open_form(page)
    typed = WHOLE.but(emails=(), phones=(), identifiers=())
    for come_again in (page.reload, lambda: (page.goto("/orders/"), page.go_back())):
        fill_entry(page, typed)
        page.locator("[name=identifiers-0-provider]").select_option("ProfileSystem")
        come_again()
        _expect_empty(page)
    assert creates(sandbox) == 0


@pytest.fixture
def caching_chromium(chromium: ReusedContexts) -> Iterator[Browser]:
    """A browser that keeps whole pages in memory for Back and Forward, as users' browsers do."""
    path = find_whole_chromium()
    if path is None:
        pytest.skip("There is no Chromium with that cache (Debian: apt-get install chromium)")
    browser = chromium.browser.browser_type.launch(
        executable_path=path,
        args=[*ARGUMENTS, *CACHE],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


RECORD_RESTORED_PAGE = """addEventListener("pageshow", event => {
  if (event.persisted) sessionStorage.setItem("kept", location.pathname);
})"""


def test_page_from_the_back_forward_cache_is_loaded_again(
    caching_chromium: Browser,
    windows: Windows,
    staff: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Some browsers keep pages despite no-store; this one certainly does if the header is missing.
    monkeypatch.setattr(middleware, "add_never_cache_headers", lambda response: None)
    caching_windows = Windows(ReusedContexts(caching_chromium), windows.portal)
    page = caching_windows.open(staff)
    page.add_init_script(RECORD_RESTORED_PAGE)
    open_form(page)
    fill_entry(page, WHOLE)
    press_create(page)
    expect_receipt(page, "Consumer created")
    page.go_back(wait_until="commit")
    _expect_empty(page)
    assert page.evaluate("sessionStorage.getItem('kept')") == "/consumers/new/"
    assert caching_windows.complaints == []
