"""Clients that hold connections open: five hundred of each kind, and each kind is slow in another way."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

BODY_BYTES = 1000
DRIP_SECONDS = 3.0
PAGE = "/accounts/login/"
_HEAD = f"POST {PAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_FORM = f"{_HEAD}Content-Length: {BODY_BYTES}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """The client's first bytes, its bytes every three seconds, and connections per second."""

    name: str
    first: str
    drip: str = ""
    per_second: float = 250.0


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("silent", ""),
        Kind("half a request line", f"POST {PAGE[:5]}"),
        Kind("half a header", _HEAD),
        Kind("half a body", _FORM + "a" * (BODY_BYTES // 2)),
        Kind("dripping body", _FORM, drip="a"),
        # Two per second are enough to stop a server that waits for each; the total equals the other kinds.
        Kind(
            "answered, held open",
            "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            per_second=25.0,
        ),
    )
}


class Attack(threading.Thread):
    """Connections of one kind to a port. A dropped client reconnects unless ``again`` is false."""

    def __init__(self, port: int, kind: Kind, count: int, *, again: bool = True) -> None:
        super().__init__(daemon=True)
        self.dropped: list[float] = []
        """The duration of each connection that the server has ended, in seconds."""
        self.answers: list[bytes] = []
        """The answers that dropped clients had received."""
        self.is_complete = threading.Event()
        """Set when all clients have connected and sent their first bytes."""
        self.kind = kind
        self._port, self._count, self._again = port, count, again
        self._selector = selectors.DefaultSelector()
        self._began: dict[socket.socket, float] = {}
        self._received: dict[socket.socket, bytes] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Connect all clients and hold the connections until :meth:`end`."""
        start = time.monotonic()
        missing, dripped, opened = self._count, start, 0
        while not self._over.is_set():
            while missing and time.monotonic() >= start + opened / self.kind.per_second:
                opened += 1
                missing -= self._connect()
            if not missing:
                self.is_complete.set()
            for key, _ in self._selector.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                missing += self._receive(key.fileobj) and self._again
            if self.kind.drip and time.monotonic() >= dripped + DRIP_SECONDS:
                dripped = time.monotonic()
                for connection in self._began:
                    with suppress(OSError):
                        connection.send(self.kind.drip.encode())
        for connection in self._began:
            connection.close()
        self._selector.close()

    def end(self) -> None:
        """Close all connections; returns when that is done."""
        self._over.set()
        self.join()

    def _connect(self) -> bool:
        connection = socket.socket()
        try:
            connection.settimeout(1)
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(self.kind.first.encode())
        except OSError:
            connection.close()
            return False
        connection.setblocking(False)
        self._began[connection] = time.monotonic()
        self._selector.register(connection, selectors.EVENT_READ)
        return True

    def _receive(self, connection: socket.socket) -> bool:
        """Whether the server has ended the connection; a client that holds its answer stays connected."""
        data = b""
        with suppress(OSError):
            data = connection.recv(65536)
        if data:
            self._received[connection] = self._received.get(connection, b"") + data
            return False
        self._selector.unregister(connection)
        received = self._received.pop(connection, b"")
        if self.kind.per_second < 250:  # it has its answer and stays connected
            return False
        self.dropped.append(time.monotonic() - self._began.pop(connection))
        self.answers.append(received)
        connection.close()
        return True


@contextmanager
def attacking(port: int, *kinds: Kind, count: int, again: bool = True) -> Iterator[list[Attack]]:
    """Run that many connections of each kind inside the block."""
    attacks = [Attack(port, kind, count, again=again) for kind in kinds]
    for attack in attacks:
        attack.start()
    try:
        yield attacks
    finally:
        for attack in attacks:
            attack.end()
