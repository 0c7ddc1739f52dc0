"""Exports over real connections to a deployed portal: prepare, download, and read their state."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlencode

from apps.history.forms.export import PLAIN, values_of
from tests.support.deployed import Person, Place, Portal
from tests.support.waiting import wait_until

ROWS = 30_000
CHOOSE = "/submissions/export/?period=all"
EVERYTHING = {f"show_{key}": "on" for key in PLAIN} | {"format": "csv"}
TIMEOUT = 30.0  # seconds


class Exports:
    """Prepare and download exports as a person does, and read their state in the database."""

    def __init__(self, portal: Portal, there: Place, person: Person) -> None:
        self.port, self.there, self.browser = portal.server.port, there, person.browser

    def prepare(self) -> str:
        """Prepare an export of every row and every plain column; returns the address of its page."""
        with self.browser.tab() as tab:
            tab.get(CHOOSE)
            answer = tab.post(CHOOSE, values_of(None, time_zone="UTC") | EVERYTHING)
        assert answer.status == 303, answer.text
        return answer.location

    def press(self, address: str) -> int:
        with self.browser.tab() as tab:
            return tab.post(address, {}).status

    def page(self, address: str) -> str:
        with self.browser.tab() as tab:
            return tab.get(address).text

    def state(self, address: str) -> tuple[str, str]:
        """State and failure code of the export with this page."""
        wanted = address.rstrip("/").rpartition("/")[2].replace("-", "")
        rows = self.there.rows("SELECT public_id, state, failure_code FROM history_export")
        [found] = [(state, code) for key, state, code in rows if str(key).replace("-", "") == wanted]
        return found

    def until(self, address: str, *ends: tuple[str, str]) -> None:
        wait_until(lambda: self.state(address) in ends, TIMEOUT, f"{ends} of {self.state(address)}")

    @contextmanager
    def download(self, address: str, *, version: str = "HTTP/1.1") -> Iterator[http.client.HTTPResponse]:
        """The unread response to Download, over a connection with a small receive buffer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection._http_vsn_str = version  # type: ignore[attr-defined]  # there is no other way to say so
        with closing(connection), closing(socket.socket()) as small:
            small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            small.connect(("127.0.0.1", self.port))
            small.settimeout(TIMEOUT)
            connection.sock = small
            headers = {
                "Cookie": "; ".join(f"{name}={value}" for name, value in self.browser._cookies.items()),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            body = urlencode({"csrfmiddlewaretoken": self.browser._csrf})
            connection.request("POST", f"{address}file/", body, headers)
            with closing(connection.getresponse()) as response:
                assert response.status == 200
                yield response
