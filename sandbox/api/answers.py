"""HTTP answers in the vendor's format: JSON bodies, error bodies, and their bytes on the wire."""

import json
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

MORE_INFO_URL = "https://support.sitecore.com"
DOES_NOT_EXIST = "The specified resource does not exist."


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `done`: whether the request changed what the sandbox stores."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    done: bool = False

    def to_bytes(self, *, close: bool = False, head: bool = False) -> bytes:
        """The whole answer as bytes, to be sent in one write.

        `close` adds `Connection: close`; `head` leaves the body out (RFC 9110 9.3.2).
        """
        length = str(len(self.body))
        framing = () if self.status == HTTPStatus.NO_CONTENT else (("Content-Length", length),)
        return self.head_bytes(framing, close=close) + (b"" if head else self.body)

    def head_bytes(self, framing: tuple[tuple[str, str], ...], *, close: bool = False) -> bytes:
        """The status line and the headers. `framing`: the headers that delimit the body (RFC 9112 6)."""
        headers = [("Date", formatdate(usegmt=True)), *self.headers]
        if self.status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Type", self.content_type))
        headers += framing
        if close:
            headers.append(("Connection", "close"))
        status_line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        return "\r\n".join([status_line, *map(": ".join, headers), "", ""]).encode("latin-1")


def as_json(
    status: int, value: object, *, headers: tuple[tuple[str, str], ...] = (), done: bool = False
) -> Answer:
    """An answer in JSON, in UTF-8 without escapes, as the vendor's servers write it."""
    # A lone surrogate has no UTF-8 form; backslashreplace writes it as a JSON escape.
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Answer(status, body, headers=headers, done=done)


def as_html(status: int, title: str) -> Answer:
    """An HTML error page, as a load balancer or a firewall between the caller and the API sends it."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(status, page.encode(), content_type="text/html")


def error(
    status: int, message: str, developer_message: str, *, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """The vendor's error body with a numeric status (vendor: Guest API, order contact pages)."""
    body = {
        "status": status,
        "code": status,
        "message": message,
        "developerMessage": developer_message,
        "moreInfoUrl": MORE_INFO_URL,
    }
    return as_json(status, body, headers=headers)


def unauthorized() -> Answer:
    """The 401, whose status is a word (vendor: create-order-consumer page)."""
    body = {
        "status": "UNAUTHORIZED",
        "code": 401,
        "message": "Authentication credentials are required to access the resource. "
        "All requests must be authenticated.",
        "moreInfoUrl": MORE_INFO_URL,
    }
    return as_json(401, body, headers=(("WWW-Authenticate", 'Basic realm="sandbox"'),))


def field_problem(problem: str, status: int = 400) -> Answer:
    """A 400 for one field, with the same text in both messages (vendor: order contact page)."""
    return error(status, problem, problem)


def not_parsed(line: int, column: int) -> Answer:
    """A 400 for a body that is not a JSON object (vendor: Guest API)."""
    return error(400, "Unable to parse JSON string", f"JSON parse error [line: {line}, column: {column}].")


def not_found(kind: str, ref: str, client_key: str) -> Answer:
    """A 404. Like the vendor's, its `developerMessage` contains the client key."""
    return error(404, DOES_NOT_EXIST, f"{kind} with ref {ref} for client key {client_key} was not found")


def no_such_path(client_key: str) -> Answer:
    """The 404 for a path that the API does not have."""
    return error(404, DOES_NOT_EXIST, f"Resource for client key {client_key} was not found")


def method_not_allowed(allowed: tuple[str, ...]) -> Answer:
    """A 405 with the methods that the path has (RFC 9110 15.5.6)."""
    headers = (("Allow", ", ".join(allowed)),)
    return error(405, "Method not allowed.", "The resource has no such method.", headers=headers)


def unsupported_media_type() -> Answer:
    """A 415: the `Content-Type` is not JSON."""
    return error(415, "Unsupported media type.", "Content-Type must be application/json.")
