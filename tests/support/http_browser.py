"""An HTTP client that acts like a browser: keeps connection and cookies, reads the form, posts it."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import SimpleCookie
from urllib.parse import urlencode

TIMEOUT_SECONDS = 120.0
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class UnexpectedAnswer(Exception):
    """An unexpected answer. A benchmark then ends, because its figures would be wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a request."""

    status: int
    location: str
    text: str


class Browser:
    """One person with one connection."""

    def __init__(self, port: int, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._port, self._timeout = port, timeout
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._cookies: dict[str, str] = {}
        self._csrf = ""

    def get(self, path: str) -> Answer:
        """Get that page; later posts use its CSRF token."""
        answer = self._send("GET", path, None)
        if found := _CSRF.search(answer.text):
            self._csrf = found[1]
        return answer

    def post(self, path: str, values: dict[str, str]) -> Answer:
        """Post a form with the token of the last page. Redirects are not followed."""
        body = urlencode({**values, "csrfmiddlewaretoken": self._csrf})
        return self._send("POST", path, body)

    def download(self, path: str, *, size: int) -> Iterator[bytes]:
        """Post to that path and read the answer in pieces of at most ``size`` bytes.

        Raises ``UnexpectedAnswer`` if the answer is not a file.
        """
        response = self._answer("POST", path, urlencode({"csrfmiddlewaretoken": self._csrf}))
        if response.status != HTTPStatus.OK:
            raise UnexpectedAnswer(f"{response.status} {response.read(300)!r}, expected a file")
        while piece := response.read1(size):
            yield piece

    def sign_in(self, username: str, password: str) -> None:
        """Sign in through the page. Raises ``UnexpectedAnswer`` if that fails."""
        self.get("/accounts/login/")
        answer = self.post("/accounts/login/", {"login": username, "password": password})
        expect(answer, 302)

    @contextmanager
    def tab(self) -> Iterator[Browser]:
        """The same person with a separate connection, which is closed afterwards."""
        tab = Browser(self._port, timeout=self._timeout)
        tab._cookies, tab._csrf = dict(self._cookies), self._csrf
        try:
            yield tab
        finally:
            tab.reconnect()

    def reconnect(self) -> None:
        """Open a new connection: the server may have closed an idle one."""
        self._connection.close()

    def _send(self, method: str, path: str, body: str | None) -> Answer:
        response = self._answer(method, path, body)
        text = response.read().decode()
        return Answer(response.status, response.headers.get("Location", ""), text)

    def _answer(self, method: str, path: str, body: str | None) -> http.client.HTTPResponse:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        for line in response.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return response


def expect(answer: Answer, status: int, *, location: str = "") -> None:
    """Raises ``UnexpectedAnswer`` for another status or another redirect target."""
    if answer.status != status or not answer.location.startswith(location):
        shown = answer.location or answer.text[:300]
        raise UnexpectedAnswer(f"{answer.status} {shown}, expected {status} {location}")
