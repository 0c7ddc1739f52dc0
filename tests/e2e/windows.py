"""Browser windows of signed-in people, and the console errors of the browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from apps.accounts.models import User

# htmx says so if a page is left while a part is requested. A failed request has another message, too.
LEFT = ("htmx:sendAbort", "htmx:afterRequest")
TIMEOUT = 10_000  # milliseconds that a step may take on a busy machine
# The console message for each 4xx or 5xx page; the tests assert on those pages themselves.
ANSWERED_WITH_A_FAILURE = "Failed to load resource: the server responded with a status of"

NO_CONNECTION = "Failed to load resource: net::ERR_"
# Options of a context. Without transitions fewer frames are drawn, and no step waits for their end.
DEFAULTS = {"locale": "en-GB", "reduced_motion": "reduce"}


class ReusedContexts:
    """A browser whose contexts are used again by later tests that ask for the same options.

    Fetching the same styles and scripts again would take most of the tests' time. A closed context is stored
    without windows and cookies.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._free: dict[str, list[BrowserContext]] = {}

    def take(self, options: dict[str, Any]) -> BrowserContext:
        """A context without cookies."""
        free = self._free.get(self._key(options))
        return free.pop() if free else self.new(options)

    def new(self, options: dict[str, Any]) -> BrowserContext:
        """A context that no test has used."""
        return self.browser.new_context(**{**DEFAULTS, **options})

    def give_back(self, context: BrowserContext, options: dict[str, Any]) -> None:
        """Close the windows of a context, remove its cookies, and keep it for another test."""
        for page in context.pages:
            page.close()
        context.clear_cookies()
        self._free.setdefault(self._key(options), []).append(context)

    def _key(self, options: dict[str, Any]) -> str:
        return repr(sorted({**DEFAULTS, **options}.items()))


class Windows:
    """Opens windows onto the portal. Each has its own cookies, like browsers of different people."""

    def __init__(self, reused: ReusedContexts, portal: str) -> None:
        self.reused = reused
        self.portal = portal
        self.complaints: list[str] = []
        self.requests: list[str] = []  # addresses with their referrers
        self._taken: list[tuple[BrowserContext, dict[str, Any]]] = []
        self._own: list[BrowserContext] = []

    def open(
        self, person: User | None = None, *, javascript: bool = True, own: bool = False, **options: Any
    ) -> Page:
        """A window of a signed-in person, or an anonymous one; ``options`` of the browser context.

        ``own`` closes the context after the test, for a test that changes its clock or takes it offline.
        """
        options = {"base_url": self.portal, **options}
        if not javascript:
            options["java_script_enabled"] = False
        context = self._context(options, own=own)
        if person is not None:
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(person), "url": self.portal}
            context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict is what it takes
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", self._record_complaint)
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        return page

    def expect_lost_connection(self) -> None:
        """Remove the console errors of requests that a test let fail; there has to be at least one."""
        assert any(NO_CONNECTION in complaint for complaint in self.complaints)
        self.complaints = [complaint for complaint in self.complaints if NO_CONNECTION not in complaint]

    def close(self) -> None:
        """Close every window."""
        for context, options in self._taken:
            self.reused.give_back(context, options)
        for context in self._own:
            context.close()

    def _context(self, options: dict[str, Any], *, own: bool) -> BrowserContext:
        context = self.reused.new(options) if own else self.reused.take(options)
        if own:
            self._own.append(context)
        else:
            self._taken.append((context, options))
        return context

    def _note(self, request: Request) -> None:
        self.requests.append(f"{request.url} from {request.headers.get('referer', 'nowhere')}")

    def _record_complaint(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is logged as an error, too.
        if message.type not in ("error", "warning"):
            return
        if message.text.startswith(LEFT):
            return
        page_failed = message.text.startswith(ANSWERED_WITH_A_FAILURE)
        if not page_failed or "/static/" in str(message.location.get("url")):
            self.complaints.append(f"console {message.type}: {message.text}")


def session_of(person: User) -> str:
    """A session of a person who has just signed in, as the value of the cookie."""
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
