"""What every page of the portal keeps to: accessibility rules, light and dark, narrow, no inline code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

from tests.e2e.layout_shift import moved, shifted

NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 900}
MAX_SHIFTED = 0.02  # Cumulative Layout Shift
# The whole result of axe is large; only these two values are transferred.
RUN_AXE = """async options => (await axe.run(options)).violations
    .flatMap(({id, nodes}) => nodes.map(({html}) => [id, html]))"""
# axe leaves out the rules of WCAG 2.2 by default: targets of 24 by 24 pixels, or with space around them.
ALL_RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
TITLE = re.compile(r"(Error: )?\S.* – Consumer Portal – Practice – nothing reaches Sitecore CDP")
# Dark changes only colours.
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}


def broken_promises(page: Page, html: str) -> Iterator[str]:
    """What the page that is shown breaks; ``html`` is its document as the portal sent it."""
    page.wait_for_load_state()
    yield from _inline_code(html)
    if shifted(page) > MAX_SHIFTED:
        yield f"things moved by {shifted(page)} after the page was loaded: {moved(page)}"
    if uncut := page.locator("[maxlength], [minlength]").count():
        yield f"{uncut} fields whose text the browser cuts"
    if not TITLE.fullmatch(page.title()):
        yield f"the title is {page.title()}"
    headings = page.get_by_role("heading", level=1).count()
    if headings != 1:
        yield f"{headings} headings of level 1"
    page.evaluate(AXE_SCRIPT)
    yield from _violations(page, "light", ALL_RULES)
    page.emulate_media(color_scheme="dark")
    yield from _violations(page, "dark", COLOURS)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW["width"]:
        yield f"{width} px wide at 320 px, because of {page.evaluate(WIDEST)}"
    page.set_viewport_size(WIDE)


WIDEST = """[...document.querySelectorAll('main *, header *, footer *')]
    .filter(element => element.getBoundingClientRect().right > 320)
    .map(element => element.outerHTML.slice(0, 90))
    .slice(-2)"""


def _violations(page: Page, scheme: str, options: Mapping[str, object]) -> Iterator[str]:
    for rule, html in page.evaluate(RUN_AXE, dict(options)):
        yield f"{scheme}: {rule}: {html[:200]}"


class _InlineCode(HTMLParser):
    """Inline scripts, styles and event handlers of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"inline {tag}")
        self.found += [f"{name} at {tag}" for name in names if name == "style" or name.startswith("on")]


def _inline_code(html: str) -> list[str]:
    parser = _InlineCode()
    parser.feed(html)
    return parser.found
