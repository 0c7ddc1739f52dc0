"""The scores of Lighthouse on the pages that staff work with, in a real browser.

Needs the whole Chromium. Lighthouse is not among the locked packages of the suite, because it is large: the
first run installs it into ``benchmarks/lighthouse/node_modules``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks import sandboxes
from benchmarks.create import NEW, PERSON, environment_of, portal
from benchmarks.figures import machine, table
from tests.support.browser import ARGUMENTS, find_whole_chromium
from tests.support.http_browser import Browser, UnexpectedAnswer
from tests.support.ports import free_port
from tests.support.processes import BIN, ROOT, run
from tests.support.unique_entries import consumer, posted

RESULT = ROOT / "var" / "bench-page-scores.md"
FOLDER = ROOT / "benchmarks" / "lighthouse"
DEVICES = {"phone": (), "desktop": ("--preset=desktop",)}
CATEGORIES = ("performance", "accessibility", "best-practices")
ROUNDS = 3
LIMIT_SECONDS = 120.0  # of one visit
ATTEMPTS = (
    5  # on a busy machine Lighthouse loses the beginning of a visit now and then, and says to run it again
)
HEAD = ["page", "device", *CATEGORIES, "first content, ms", "largest content, ms", "blocked, ms", "shift"]
METRICS = (
    "first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"
)  # fmt: skip


def main() -> None:
    """Measure, print the table and write it to ``var/bench-page-scores.md``."""
    chromium = find_whole_chromium()
    if chromium is None:
        print("Chromium is not installed (Debian: apt-get install chromium).")
        return
    if not (FOLDER / "node_modules").exists():
        subprocess.run([str(BIN / "npm"), "ci", "--loglevel=error"], cwd=FOLDER, check=True)
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        folder = Path(name)
        with sandboxes.running(folder) as sandbox:
            environment = environment_of(f"sqlite:///{folder / 'portal.sqlite3'}", sandbox)
            run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
            with portal(folder, environment) as server:
                pages = _pages(server.port, sandbox)
                with _signed_in_browser(chromium, folder, server.port) as debugging:
                    for page, path in pages.items():
                        address = f"http://127.0.0.1:{server.port}{path}"
                        rows += [_row(page, device, address, debugging) for device in DEVICES]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Page scores", machine() + ".", table(HEAD, rows)]) + "\n")
    print(RESULT.read_text())


def _pages(port: int, sandbox: sandboxes.BenchSandbox) -> dict[str, str]:
    """The measured pages by name; an order with a consumer and its receipt are made."""
    browser = Browser(port)
    browser.sign_in(*PERSON)
    browser.get(NEW)
    order = sandbox.orders.next()
    receipt = browser.post(NEW, posted(order, consumer())).location
    if not receipt.startswith("/submissions/"):
        raise UnexpectedAnswer(f"{receipt!r} is no receipt")
    return {"start": "/", "form": NEW, "receipt": receipt, "order": f"/orders/{order}/"}


@contextmanager
def _signed_in_browser(chromium: str, folder: Path, port: int) -> Iterator[int]:
    """A running Chromium in which a member of staff is signed in; yields its port for Lighthouse."""
    debugging = free_port()
    arguments = [*ARGUMENTS, "--headless=new", f"--remote-debugging-port={debugging}"]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=chromium, args=arguments, base_url=f"http://127.0.0.1:{port}"
        )
        page = context.new_page()
        page.goto("/accounts/login/")
        for field, value in zip(("login", "password"), PERSON, strict=True):
            page.fill(f"[name={field}]", value)
        page.keyboard.press("Enter")
        page.wait_for_url("/")
        yield debugging
        context.close()


def _row(page: str, device: str, address: str, debugging: int) -> list[str]:
    """Medians of ``ROUNDS`` visits."""
    visits = [_visit(address, debugging, DEVICES[device]) for _ in range(ROUNDS)]
    scores = [median(visit["categories"][name]["score"] for visit in visits) for name in CATEGORIES]
    metrics = [median(visit["audits"][name]["numericValue"] for visit in visits) for name in METRICS]
    times = [f"{value:.0f}" for value in metrics[:3]]
    return [page, device, *(f"{100 * score:.0f}" for score in scores), *times, f"{metrics[3]:.3f}"]


def _visit(address: str, debugging: int, options: tuple[str, ...]) -> dict[str, Any]:
    """The report of the first visit that succeeds. Raises ``UnexpectedAnswer`` if another page was shown."""
    command = [
        str(BIN / "node"), "node_modules/lighthouse/cli/index.js", address, f"--port={debugging}", "--quiet",
        "--output=json", "--disable-storage-reset", f"--only-categories={','.join(CATEGORIES)}", *options,
    ]  # fmt: skip
    for attempt in range(ATTEMPTS):
        done = subprocess.run(
            command,
            cwd=FOLDER,
            check=attempt == ATTEMPTS - 1,
            stdout=subprocess.PIPE,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        if done.returncode == 0:
            break
    report: dict[str, Any] = json.loads(done.stdout)
    if report["finalDisplayedUrl"] != address:
        raise UnexpectedAnswer(f"{report['finalDisplayedUrl']}, expected {address}")
    return report
