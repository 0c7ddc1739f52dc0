"""Small local servers that run a test's script and record the requests they receive."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.waiting import wait_until

Script = Callable[["Peer"], None]


@dataclass(frozen=True)
class Request:
    """One received request; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as an object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass
class Peer:
    """One accepted connection, for a script."""

    server: Server
    connection: socket.socket
    number: int
    pending: bytes = b""

    def receive(self) -> bool:
        """Read the available bytes; false at the end of the stream."""
        data = self.connection.recv(65_536)
        self.server.bytes_read += len(data)
        self.pending += data
        return bool(data)

    def read_request(self) -> Request | None:
        """Read one complete request; None if the client closed before it was complete."""
        while b"\r\n\r\n" not in self.pending:
            if not self.receive():
                return None
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self.pending) < length:
            if not self.receive():
                return None
        body, self.pending = self.pending[:length], self.pending[length:]
        method, target, _ = first.split(" ", 2)
        request = Request(method, target, headers, body)
        self.server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send the bytes unchanged."""
        self.connection.sendall(data)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def reset_unread(self) -> None:
        """Let the client write, then end with RST without reading anything."""
        time.sleep(0.1)
        self.reset()

    def wait_for_end(self) -> None:
        """Count the received bytes until the client closes or the server stops."""
        while self.receive():
            pass


def answer(
    status: int = 200,
    body: object = None,
    *,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """The bytes of an HTTP answer, JSON unless `raw` is given; `length` overrides the true length."""
    content = json.dumps(body).encode() if raw is None else raw
    lines = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(content) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def always(data: bytes) -> Script:
    """Answer every request on a connection with the same bytes."""

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(data)

    return script


def once_then_close(data: bytes) -> Script:
    """Answer one request, then close."""

    def script(peer: Peer) -> None:
        if peer.read_request():
            peer.send(data)

    return script


class ClosingSocket(ssl.SSLSocket):
    """Closes itself if ``wrap_socket`` fails after it was made: CPython 3.11 leaves it open then."""

    def __del__(self) -> None:
        self.close()


@dataclass
class Server:
    """A listening socket on 127.0.0.1 whose connections run a script, each in its own thread."""

    script: Script
    tls: ssl.SSLContext | None = None
    connections: int = 0
    finished: int = 0
    bytes_read: int = 0
    requests: list[Request] = field(default_factory=list)
    open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listener.getsockname()[1]
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        """The base URL of this server."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def wait_for_finished(self, count: int) -> None:
        """Wait until that many connections have ended, so that all their bytes are counted."""
        wait_until(lambda: self.finished >= count)

    def stop(self) -> None:
        """Close everything and wait for every thread."""
        self.stopping.set()
        for used in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                used.shutdown(socket.SHUT_RDWR)
            used.close()
        for thread in self.threads:
            thread.join(timeout=5)

    def _spawn(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            number = self.connections
            self._spawn(functools.partial(self._serve, connection, number))

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self.tls:
                self.tls.sslsocket_class = ClosingSocket
                connection = self.tls.wrap_socket(connection, server_side=True)
                self.open.append(connection)
            self.script(Peer(self, connection, number))
        connection.close()
        self.finished += 1


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server for a script; each is stopped at the end of the test."""
    running: list[Server] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> Server:
        server = Server(script, tls)
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()
