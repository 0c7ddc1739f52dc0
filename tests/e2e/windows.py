"""Browser windows of signed-in people, and the console errors of the browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from apps.accounts.models import User

TIMEOUT = 10_000  # milliseconds that a step may take on a busy machine
# The console message for each 4xx or 5xx page; the tests assert on those pages themselves.
ANSWERED_WITH_A_FAILURE = "Failed to load resource: the server responded with a status of"

NO_CONNECTION = "Failed to load resource: net::ERR_"


class ReusedContexts:
    """The browser with two contexts that are reused: one with script and one without.

    Fetching the same styles and scripts again would take most of the tests' time.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: dict[bool, BrowserContext] = {}


class Windows:
    """Opens windows onto the portal. Each has its own cookies, like browsers of different people."""

    def __init__(self, reused: ReusedContexts, portal: str) -> None:
        self.reused = reused
        self.portal = portal
        self.complaints: list[str] = []
        self.requests: list[str] = []  # addresses with their referrers
        self._pages: list[Page] = []

    def open(self, person: User | None = None, *, javascript: bool = True, **options: Any) -> Page:
        """A window of a signed-in person, or an anonymous one; ``options`` of the browser context."""
        context = self._context(javascript, options)
        if person is not None:
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(person), "url": self.portal}
            context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict is what it takes
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", self._record_complaint)
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self._pages.append(page)
        return page

    def expect_lost_connection(self) -> None:
        """Remove the console errors of requests that a test let fail; there has to be at least one."""
        assert any(NO_CONNECTION in complaint for complaint in self.complaints)
        self.complaints = [complaint for complaint in self.complaints if NO_CONNECTION not in complaint]

    def close(self) -> None:
        """Close every window, and clear the cookies and storage of the reused contexts."""
        reused = [*self.reused.contexts.values()]
        for page in self._pages:
            page.close() if page.context in reused else page.context.close()
        for context in reused:
            context.clear_cookies()

    def _context(self, javascript: bool, options: dict[str, Any]) -> BrowserContext:
        """The reused context for the first ordinary window of a test; a new one for each other window."""
        reused = self.reused.contexts.get(javascript)
        if reused is not None and not options and not reused.pages:
            return reused
        defaults = {"locale": "en-GB", "base_url": self.portal, "java_script_enabled": javascript}
        context = self.reused.browser.new_context(**{**defaults, **options})
        if reused is None and not options:
            self.reused.contexts[javascript] = context
        return context

    def _note(self, request: Request) -> None:
        self.requests.append(f"{request.url} from {request.headers.get('referer', 'nowhere')}")

    def _record_complaint(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is logged as an error, too.
        if message.type not in ("error", "warning"):
            return
        page_failed = message.text.startswith(ANSWERED_WITH_A_FAILURE)
        if not page_failed or "/static/" in str(message.location.get("url")):
            self.complaints.append(f"console {message.type}: {message.text}")


def session_of(person: User) -> str:
    """A session of a person who has just signed in, as the value of the cookie."""
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
