"""``make pictures``: take the pictures in ``docs/images`` from a practice portal with made-up data.

The processes run on a clock that this module sets, and whatever differs from run to run (references, ports,
durations) is replaced in the page before the picture is taken. On one machine runs normally write the same
bytes; another machine may have other fonts.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from apps.accounts.practice import PRACTICE_PEOPLE
from apps.cdp.consumers import Identifier, NewConsumer
from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER, SAMPLE_ORDER
from tests.support import http_browser
from tests.support.browser import ARGUMENTS, find_chromium
from tests.support.entries import posted
from tests.support.ports import free_port
from tests.support.processes import BIN, ROOT, run, serving
from tests.support.wrong_clock import clock_ahead

IMAGES = ROOT / "docs/images"
TIMEOUT = 120_000  # milliseconds that a step may take on a busy machine
DAY = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
PASSWORDS = {person.username: person.password for person in PRACTICE_PEOPLE}
NEW = "/consumers/new/"
RESET_AFTER, NOT_FOUND = (f"fa017000-0000-4000-8000-{number:012}" for number in (3, 13))

AOIFE = NewConsumer(
    title="Ms",
    first_name="Aoife",
    last_name="Ní Dhálaigh",
    date_of_birth=dt.date(1991, 3, 7),
    emails=("aoife@EXAMPLE.com",),
    phone_numbers=("085 123 4567",),
    nationality="Irish",
    passport_number="pz4a9565",
    country="IE",
    identifiers=(Identifier("LoyaltyProgramme", "LP-0048213"),),
)


def _person(first_name: str, last_name: str) -> NewConsumer:
    address = f"{first_name}.{last_name}@example.com".lower().replace("ç", "c").replace("ø", "o")
    return NewConsumer(first_name, last_name, emails=(address,))


# Minutes after 09:00, who, the order, and the consumer. The last one is on the receipt.
SENDS = (
    (2, "sam", FAMILY_ORDER, _person("Astrid", "Bergman")),
    (4, "sam", FAMILY_ORDER, _person("Nils", "Bergman")),
    (11, "sue", GROUP_ORDER, _person("François", "Lemaire")),
    (17, "sam", RESET_AFTER, _person("Maeve", "Tully")),
    (23, "sue", GROUP_ORDER, _person("Ingrid", "Solberg")),
    (31, "sam", GROUP_ORDER, _person("Tomasz", "Wilk")),
    (36, "sue", NOT_FOUND, _person("Søren", "Krogh")),
    (42, "sam", SAMPLE_ORDER, AOIFE),
)

UNSTABLE_REFERENCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SEEDED = {FAMILY_ORDER, GROUP_ORDER, SAMPLE_ORDER, RESET_AFTER, NOT_FOUND}
REPLACE = """pairs => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    let text = texts.currentNode.data;
    for (const [from, to] of pairs) text = text.replaceAll(from, to);
    text = text.replace(/127\\.0\\.0\\.1:\\d+/g, "127.0.0.1:8031");
    text = text.replace(/^\\s*[\\d.,]+ m?s\\s*$/, "240 ms");
    if (text !== texts.currentNode.data) texts.currentNode.data = text;
  }
}"""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that stands still until it is set, for other processes."""

    file: Path

    def set(self, moment: dt.datetime) -> None:
        """Set the clock of every process with this environment."""
        self.file.write_text(f"{moment:%Y-%m-%d %H:%M:%S}\n")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process with this clock."""
        preloaded = {name: value for name, value in clock_ahead(0).items() if name != "FAKETIME"}
        return {
            **preloaded,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",  # gunicorn compares the times of its files with the monotonic clock
            "TZ": "UTC",
        }


@dataclass
class Portal:
    """A running practice portal, and the references that its pictures show instead of the real ones."""

    port: int
    receipt: str = ""
    _shown: dict[str, str] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=lambda: random.Random(7))

    def stable(self, page: Page) -> None:
        """Replace what differs from run to run."""
        for found in UNSTABLE_REFERENCE.findall(page.inner_text("body")):
            if found not in SEEDED and found not in self._shown:
                self._shown[found] = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        page.evaluate(REPLACE, [*self._shown.items()])


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its file, who sees the page, how to get there, and its size in CSS pixels."""

    name: str
    username: str
    open: Callable[[Page, Portal], None]
    width: int
    height: int


def _open_form(page: Page, portal: Portal) -> None:
    page.goto(f"{NEW}?order={SAMPLE_ORDER}")
    page.get_by_label("Title").select_option("Ms")
    page.get_by_label("First name").fill("Aoife")
    page.get_by_label("Last name").fill("Ní Dhálaigh")
    page.get_by_label("Date of birth").fill("7/3/1991")
    page.locator("[name=emails-0-value]").fill("aoife@example.com")
    page.locator("[name=phone_numbers-0-value]").fill("085 123 4567")
    page.locator("#id_phone_numbers-0-value_echo", has_text="+353851234567").wait_for()
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    page.wait_for_function("() => window.scrollY === 0")  # it may scroll smoothly


def _open_receipt(page: Page, portal: Portal) -> None:
    page.goto(portal.receipt)


def _open_submissions(page: Page, portal: Portal) -> None:
    page.goto("/submissions/")


def _open_audit_log(page: Page, portal: Portal) -> None:
    page.goto("/audit/")


# Each sign-in and each opened page is an event, so the log comes first.
PICTURES = (
    Picture("audit-log", "ada", _open_audit_log, 1100, 860),
    Picture("form", "sam", _open_form, 800, 1215),
    Picture("receipt", "sam", _open_receipt, 1100, 1250),
    Picture("submissions", "sue", _open_submissions, 1100, 1080),
)


def main() -> int:
    """Take every picture. Returns 1 if there is no browser."""
    chromium = find_chromium()
    if chromium is None:
        print("There is no Chromium (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="portal-pictures-") as name,
        _portal(Path(name)) as portal,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for picture in PICTURES:
            _take(picture, browser, portal)
        browser.close()
    return 0


@contextmanager
def _portal(folder: Path) -> Iterator[Portal]:
    """A portal and a sandbox on a set clock, with the submissions of ``SENDS``."""
    clock = Clock(folder / "clock")
    clock.set(DAY.replace(hour=8, minute=55))
    sandbox_port, port, log = free_port(), free_port(), folder / "log"
    environment = {
        **clock.environment,
        "PORTAL_MODE": "practice",
        "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
        "CDP_BASE_URL": f"http://127.0.0.1:{sandbox_port}",
        "SPOOL_DIR": str(folder / "spool"),
        "STATIC_ROOT": str(folder / "static"),
        "PORTAL_PORT": str(port),
        "WEB_WORKERS": "1",
        "SANDBOX_PORT": str(sandbox_port),
        "SANDBOX_DATA": str(folder / "sandbox.sqlite3"),
    }
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    sandbox = [sys.executable, "-m", "sandbox"]
    gunicorn = [str(BIN / "gunicorn"), "--config", "gunicorn.conf.py", "consumerportal.wsgi"]
    with (
        serving(sandbox, port=sandbox_port, environment=environment, log=folder / "sandbox.log"),
        serving(gunicorn, port=port, environment=environment, log=folder / "portal.log"),
    ):
        people = {}
        for username in ("sam", "sue"):
            people[username] = http_browser.Browser(port)
            people[username].sign_in(username, PASSWORDS[username])
        portal = Portal(port)
        for minutes, username, order, consumer in SENDS:
            clock.set(DAY.replace(hour=9, minute=minutes))
            with people[username].tab() as tab:  # the server may have closed the idle connection
                tab.get(NEW)
                answer = tab.post(NEW, posted(consumer, order=order))
            http_browser.expect(answer, 303)
            portal.receipt = answer.location
        clock.set(DAY.replace(hour=9, minute=45))
        yield portal


def _take(picture: Picture, browser: Browser, portal: Portal) -> None:
    size: ViewportSize = {"width": picture.width, "height": picture.height}
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{portal.port}", viewport=size, locale="en-GB", timezone_id="UTC"
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill(picture.username)
    page.locator("[name=password]").fill(PASSWORDS[picture.username])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    picture.open(page, portal)
    portal.stable(page)
    path = IMAGES / f"{picture.name}.png"
    path.write_bytes(page.screenshot(animations="disabled", caret="hide"))
    path.chmod(0o644)  # the portal's settings make new files private
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB", flush=True)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
