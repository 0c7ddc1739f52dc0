"""An HTTP client that acts like a browser: keeps connection and cookies, reads the form, posts it."""

from __future__ import annotations

import http.client
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import SimpleCookie
from urllib.parse import urlencode

TIMEOUT_SECONDS = 120.0
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class UnexpectedAnswer(Exception):
    """An answer other than the expected one. A benchmark then ends, because its figures would be wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    location: str
    text: str


class Browser:
    """One person at one connection."""

    def __init__(self, port: int, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._port, self._timeout = port, timeout
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._cookies: dict[str, str] = {}
        self._csrf = ""

    def get(self, path: str) -> Answer:
        """The page at that path; its CSRF token serves the forms that are posted afterwards."""
        answer = self._send("GET", path, None)
        if found := _CSRF.search(answer.text):
            self._csrf = found[1]
        return answer

    def post(self, path: str, values: dict[str, str]) -> Answer:
        """Post a form, with the token of the page that was read last. Redirects are not followed."""
        body = urlencode({**values, "csrfmiddlewaretoken": self._csrf})
        return self._send("POST", path, body)

    def download(self, path: str, *, size: int) -> Iterator[bytes]:
        """Post to that path and read the answer as it is asked for, in pieces of at most ``size`` bytes.

        Raises ``UnexpectedAnswer`` where it is no file.
        """
        response = self._answer("POST", path, urlencode({"csrfmiddlewaretoken": self._csrf}))
        if response.status != HTTPStatus.OK:
            raise UnexpectedAnswer(f"{response.status} {response.read(300)!r}, expected a file")
        while piece := response.read1(size):
            yield piece

    def sign_in(self, username: str, password: str) -> None:
        """Through the sign-in page. Raises ``UnexpectedAnswer`` where that does not lead on."""
        self.get("/accounts/login/")
        answer = self.post("/accounts/login/", {"login": username, "password": password})
        expect(answer, 302)

    @contextmanager
    def tab(self) -> Iterator[Browser]:
        """The same person at a connection of its own, which is closed afterwards."""
        tab = Browser(self._port, timeout=self._timeout)
        tab._cookies, tab._csrf = dict(self._cookies), self._csrf
        try:
            yield tab
        finally:
            tab.reconnect()

    def reconnect(self) -> None:
        """Begin a connection anew: the server may have closed one that was idle."""
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
    """Raises ``UnexpectedAnswer`` for another status, or a way to somewhere else."""
    if answer.status != status or not answer.location.startswith(location):
        said = answer.location or answer.text[:300]
        raise UnexpectedAnswer(f"{answer.status} {said}, expected {status} {location}")


def new_token() -> str:
    """A token for a form that is posted without having been read."""
    return str(uuid.uuid4())
