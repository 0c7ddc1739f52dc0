"""Windows of the browser: who looks through them, and what the browser complained about meanwhile."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from apps.accounts.models import User

PATIENCE = 10_000  # milliseconds that a step may take on a busy machine
# What the browser says of each page that answers 4xx or 5xx; the tests look at those pages themselves.
ANSWERED_WITH_A_FAILURE = "Failed to load resource: the server responded with a status of"


class Windows:
    """Opens windows onto the portal. Each has its own cookies, as browsers of different people have."""

    def __init__(self, browser: Browser, portal: str) -> None:
        self.browser = browser
        self.portal = portal
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    def open(self, person: User | None = None, *, javascript: bool = True, **options: Any) -> Page:
        """A window of a person who is signed in, or of nobody. ``options`` are those of a browser context."""
        context = self.browser.new_context(
            **{"locale": "en-GB", "base_url": self.portal, "java_script_enabled": javascript, **options}
        )
        context.set_default_timeout(PATIENCE)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"page error: {error.error}"))
        self._contexts.append(context)
        if person is not None:
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": _session_of(person), "url": self.portal}
            context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict is what it takes
        return context.new_page()

    def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is told as an error, too.
        if message.type not in ("error", "warning"):
            return
        page_failed = message.text.startswith(ANSWERED_WITH_A_FAILURE)
        if not page_failed or "/static/" in str(message.location.get("url")):
            self.complaints.append(f"console {message.type}: {message.text}")


def _session_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
