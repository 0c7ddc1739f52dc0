"""Navigations that are held back or stopped, and what a button says meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import ElementHandle, Page, Route

RECORD = """element => {
    sessionStorage.setItem("said", "[]");
    new MutationObserver(() => {
        const said = [...JSON.parse(sessionStorage.getItem("said")), element.textContent.trim()];
        sessionStorage.setItem("said", JSON.stringify(said));
    }).observe(element, {childList: true, characterData: true, subtree: true});
}"""


def record_texts(element: ElementHandle) -> Callable[[], list[str]]:
    """Record each text that the element gets from now on.

    The record outlives the page, because Playwright cannot inspect a page while it is being left.
    """
    element.evaluate(RECORD)
    frame = element.owner_frame()
    assert frame is not None
    return lambda: json.loads(frame.page.evaluate("sessionStorage.getItem('said')"))


def hold(page: Page, method: str, address: str) -> list[Route]:
    """Hold back the next request of this method for an address like this; it is appended to the list."""
    held: list[Route] = []

    def answer(route: Route) -> None:
        if route.request.method == method and not held:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(address), answer)
    return held


def stopper(page: Page) -> Callable[[], None]:
    """Call it to stop the navigation of the page, like the button of the browser. Only in Chromium."""
    session = page.context.new_cdp_session(page)  # not possible during a navigation

    def stop() -> None:
        session.send("Page.stopLoading")

    return stop
