"""Reads requests from a connection and runs their scripts."""

import re
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any, Protocol, cast

from sandbox.api.answers import Answer, error
from sandbox.api.calls import Request
from sandbox.application import Sandbox
from sandbox.server.script_runner import ScriptRunner

MAX_BODY_BYTES = 10 * 1024 * 1024
IDLE_SECONDS = 120
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")


class HandlerServer(Protocol):
    """The part of the server that a handler uses."""

    sandbox: Sandbox
    base_url: str
    stopping: Event


class Handler(BaseHTTPRequestHandler):
    """Handles one connection with all its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    @property
    def _handler_server(self) -> HandlerServer:
        return cast(HandlerServer, self.server)

    def _serve(self) -> None:
        body = self._read_body()
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body if isinstance(body, bytes) else b"",
            base_url=self._base_url(),
        )
        sandbox = self._handler_server.sandbox
        script = sandbox.handle(request) if isinstance(body, bytes) else sandbox.refuse(request, body)
        runner = ScriptRunner(
            self.connection,
            self._handler_server.stopping,
            last=self.close_connection,
            head=self.command == "HEAD",
        )
        runner.run(script)
        self.close_connection = runner.ended

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _read_body(self) -> bytes | Answer | None:
        """The body, or the answer that rejects it, or None if the client closed too early."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return error(411, "Length required.", "The body must come with a Content-Length.")
        if len(length) > 12 or int(length) > MAX_BODY_BYTES:
            return error(413, "Payload too large.", f"The body may have {MAX_BODY_BYTES} bytes.")
        try:
            body = self.rfile.read(int(length))
        except OSError:
            return None
        return body if len(body) == int(length) else None

    def _base_url(self) -> str:
        """The address of this server that the caller used."""
        own = self._handler_server.base_url
        host = self.headers.get("Host", "")
        return f"{own.partition('://')[0]}://{host}" if _OWN_HOST.fullmatch(host) else own

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer input that is not HTTP in the sandbox's format, in one write, and close the connection."""
        self.close_connection = True
        answer = error(code, message or "Bad request.", explain or "The request could not be read.")
        self.connection.sendall(answer.to_bytes(close=True, head=getattr(self, "command", "") == "HEAD"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Log nothing, because a query can contain an e-mail address."""
