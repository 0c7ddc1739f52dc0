"""An HTTP client for the sandbox that shares no code with the portal's client."""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.options import PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY

JSON_TYPE = "application/json"


def basic(key: str = PRACTICE_CLIENT_KEY, token: str = PRACTICE_API_TOKEN) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{key}:{token}".encode()).decode()


@dataclass(frozen=True)
class Reply:
    """An answer as received."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Caller:
    """Sends requests with the practice credentials, each with its own connection.

    `ca_file` is the trusted authority for an https address.
    """

    def __init__(self, base_url: str, *, seconds: float = 5, ca_file: Path | None = None) -> None:
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self.host, self.port, self.seconds = str(parts.hostname), int(parts.port or 0), seconds

    def connection(self) -> http.client.HTTPConnection:
        """A connection, opened by its first request."""
        if self._tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)
        return http.client.HTTPSConnection(self.host, self.port, timeout=self.seconds, context=self._tls)

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Reply:
        """Send a request; header names are given with underscores, an empty value leaves the header out."""
        defaults = {"authorization": basic(), "content_type": JSON_TYPE}
        named = {name.replace("_", "-"): value for name, value in {**defaults, **headers}.items() if value}
        connection = self.connection()
        try:
            data = body.encode("utf-8") if isinstance(body, str) else body
            connection.request(method, path, data, named)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        """Send a GET request."""
        return self.send("GET", path)

    def post(self, path: str, values: object) -> Reply:
        """Send JSON."""
        return self.send("POST", path, json.dumps(values))

    def create(self, order: str, **fields: object) -> Reply:
        """Create a consumer; with only a name by default."""
        return self.post(consumers_path(order), {"firstName": "Maeve", "lastName": "Tully", **fields})


def consumers_path(order: str) -> str:
    """The path of an order's consumers."""
    return f"/v2.1/orders/{order}/consumers"


def create_text(order: str) -> bytes:
    """The raw bytes of a create request."""
    body = b'{"firstName": "Maeve", "lastName": "Tully"}'
    head = (
        f"POST {consumers_path(order)} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ref_of(href: str) -> str:
    """The last segment of a link."""
    return href.rpartition("/")[2]
