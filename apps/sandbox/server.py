"""The sandbox's HTTP server: threads, sockets and the scripts that are played on them."""

import re
import select
import socket
import socketserver
import struct
import sys
import threading
import time
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from apps.sandbox.answers import Answer, error
from apps.sandbox.application import Clock, Report, Sandbox, utc_now
from apps.sandbox.calls import Request
from apps.sandbox.options import (
    DEFAULT_IDENTITY_PROVIDERS,
    PRACTICE_API_TOKEN,
    PRACTICE_CLIENT_KEY,
    Options,
)
from apps.sandbox.wire import Close, Hold, Reset, Script, Send, Step, Wait

LISTEN_QUEUE = 1024
MAX_BODY_BYTES = 10 * 1024 * 1024
IDLE_SECONDS = 120
STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.1  # how often a held connection is looked at
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: close sends RST


class SandboxServer:
    """A running sandbox: `with SandboxServer(data=path) as server: ... server.base_url`.

    Port 0 takes a free port at the first start; a later start uses the same one again.
    Raises ValueError for a host that is not loopback, OSError where the port is taken.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        data: Path | str,
        client_key: str = PRACTICE_CLIENT_KEY,
        api_token: str = PRACTICE_API_TOKEN,
        create_status: int = 200,
        identity_providers: tuple[str, ...] = DEFAULT_IDENTITY_PROVIDERS,
        clock: Clock = utc_now,
        report: Report | None = None,
    ) -> None:
        self._options = Options(
            host, port, Path(data), client_key, api_token, create_status, identity_providers
        )
        self._clock, self._report = clock, report
        self._port = port
        self._sandbox: Sandbox | None = None
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def from_options(cls, options: Options, *, report: Report | None = None) -> "SandboxServer":
        """A server as the options say."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(options)}, report=report)

    def start(self) -> "SandboxServer":
        """Open the data file, listen, and answer in threads of its own."""
        if self._listener is not None:
            raise RuntimeError("The sandbox is running already.")
        listener = _listener_for(self._options.host, self._port)
        try:
            sandbox = Sandbox(self._options, clock=self._clock, report=self._report)
        except BaseException:
            listener.server_close()
            raise
        listener.sandbox = sandbox
        self._port = listener.server_address[1]
        listener.base_url = self.base_url
        self._sandbox, self._listener = sandbox, listener
        self._thread = threading.Thread(target=listener.serve_forever, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, cut what is still open, close the data file. Does nothing where nothing runs."""
        if self._listener is None or self._sandbox is None or self._thread is None:
            return
        self._listener.stop()
        self._thread.join(STOP_SECONDS)
        self._sandbox.close()
        self._sandbox = self._listener = self._thread = None

    @property
    def base_url(self) -> str:
        """Where the sandbox is reached, once it has been started."""
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"http://{host}:{self._port}"

    @property
    def sandbox(self) -> Sandbox:
        """The application behind the server, for tests in this process. Raises RuntimeError if stopped."""
        if self._sandbox is None:
            raise RuntimeError("The sandbox is not running.")
        return self._sandbox

    def __enter__(self) -> "SandboxServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    request_queue_size = LISTEN_QUEUE
    daemon_threads = True
    sandbox: Sandbox
    base_url: str

    def __init__(self, address: tuple[str, int]) -> None:
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_changed = threading.Condition()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for our name, which can take seconds and is of no use here.
        socketserver.TCPServer.server_bind(self)

    def stop(self) -> None:
        """Stop accepting, cut the open connections, and wait a moment until their threads are gone."""
        self.stopping.set()
        _shut(self.socket)  # wakes the accepting thread, which would only look again after half a second
        self.shutdown()
        self.server_close()
        with self._open_changed:
            for connection in self._open:
                _shut(connection)
            self._open_changed.wait_for(lambda: not self._open, timeout=STOP_SECONDS)

    # socketserver types a request as a socket or a datagram's pair; here it is always a socket

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_changed:
                self._open.discard(request)
                self._open_changed.notify_all()

    def shutdown_request(self, request: Any) -> None:
        # A FIN before the RST would make a reset look like an ordinary end.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE)) == _RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent where the client went; anything else is a mistake of ours and is shown."""
        if not self.stopping.is_set() and not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _ListenerV6(_Listener):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: _Listener

    def _serve(self) -> None:
        body = self._read_body()
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body if isinstance(body, bytes) else b"",
            base_url=self._base_url(),
        )
        sandbox = self.server.sandbox
        self._play(sandbox.handle(request) if isinstance(body, bytes) else sandbox.refuse(request, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _read_body(self) -> bytes | Answer | None:
        """The body; the answer that refuses it; None where the client went before it was whole."""
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
        host = self.headers.get("Host", "")
        return f"http://{host}" if _OWN_HOST.fullmatch(host) else self.server.base_url

    def _play(self, script: Script) -> None:
        ends = any(isinstance(step, Close) for step in script)
        for step in script:
            self._do(step, ends)
            if self.server.stopping.is_set():
                self.close_connection = True
                return

    def _do(self, step: Step, ends: bool) -> None:
        match step:
            case Send(answer):
                close = ends or self.close_connection
                self.connection.sendall(answer.to_bytes(close=close, head=self.command == "HEAD"))
            case Wait(seconds):
                self.server.stopping.wait(seconds)
            case Hold(seconds):
                self._hold(seconds)
            case Close():
                self.close_connection = True
            case Reset():
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self.close_connection = True

    def _hold(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.stopping.wait(_LOOK_SECONDS):
            readable, _, _ = select.select([self.connection], [], [], 0)
            try:
                if readable and not self.connection.recv(1, socket.MSG_PEEK):
                    return
            except OSError:
                return

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP as the rest of the sandbox does, in one write, and hang up."""
        self.close_connection = True
        answer = error(code, message or "Bad request.", explain or "The request could not be read.")
        self.connection.sendall(answer.to_bytes(close=True, head=getattr(self, "command", "") == "HEAD"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Write nothing: a path with its query can hold an e-mail address."""


def _listener_for(host: str, port: int) -> _Listener:
    return (_ListenerV6 if ":" in host else _Listener)((host, port))


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker
