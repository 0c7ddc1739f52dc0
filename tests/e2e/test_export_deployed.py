"""How the browser treats a truncated export of the portal as deployed.

The test server in this process marks the end of a file only by closing the connection, so a browser takes a
truncated file for a complete one. gunicorn sends chunks (RFC 9112, 7.1); the last one marks the end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.history.models import State
from tests.e2e.windows import TIMEOUT, ReusedContexts
from tests.support.deployed import place, portal
from tests.support.deployed_exports import ROWS, Exports
from tests.support.processes import run

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("deployed")]

SLOW = 400_000  # bytes per second, so that Cancel can be pressed before the end


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exports]:
    with place(tmp_path_factory.mktemp("exports")) as there:
        fill = [sys.executable, "-m", "tests.support.filled_database", str(ROWS), "500"]
        run(fill, there.environment, log=there.folder / "log")
        with portal(there, workers=1, threads=24) as started:
            yield Exports(started, there, started.sign_in("sue"))


@pytest.fixture
def page(chromium: ReusedContexts, exports: Exports) -> Iterator[Page]:
    """The window of the person who exports."""
    address = f"http://127.0.0.1:{exports.port}"
    with closing(chromium.browser.new_context(base_url=address)) as context:
        for name, value in exports.browser._cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": address}])
        opened = context.new_page()
        opened.set_default_timeout(TIMEOUT)
        yield opened


def test_browser_shows_a_cancelled_download_as_failed(exports: Exports, page: Page) -> None:
    address = exports.prepare()
    page.goto(address)
    line = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": SLOW, "uploadThroughput": -1}
    line.send("Network.emulateNetworkConditions", limits)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Cancel export").click()
    expect(page.locator("main")).to_contain_text("The export was cancelled")
    assert started.value.failure()
    assert exports.state(address) == (State.CANCELLED, "")


def test_browser_shows_a_finished_download_as_complete(exports: Exports, page: Page, tmp_path: Path) -> None:
    address = exports.prepare()
    page.goto(address)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.failure() is None
    started.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_bytes().count(b"\n") == ROWS + 1
    exports.until(address, (State.FINISHED, ""))
