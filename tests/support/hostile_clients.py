"""Clients that hold connections instead of using them, five hundred of a kind: each kind a way to be slow."""

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
    """What such a client sends at once, what it sends every three seconds, and how many come a second."""

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
        # Two a second stop a server that waits for each of them; these are as many as of the other kinds.
        Kind(
            "answered, held open",
            "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            per_second=25.0,
        ),
    )
}


class Attack(threading.Thread):
    """So many connections of one kind to a port. Whoever is dropped comes again, unless told otherwise."""

    def __init__(self, port: int, kind: Kind, count: int, *, again: bool = True) -> None:
        super().__init__(daemon=True)
        self.dropped: list[float] = []
        """Of each connection that the server has ended, how long it lasted, in seconds."""
        self.answers: list[bytes] = []
        """What the dropped ones had been told."""
        self.is_complete = threading.Event()
        """Set when all have connected and sent what they send at once."""
        self._port, self._kind, self._count, self._again = port, kind, count, again
        self._selector = selectors.DefaultSelector()
        self._began: dict[socket.socket, float] = {}
        self._heard: dict[socket.socket, bytes] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Connect them, and hold them until :meth:`end`."""
        start = time.monotonic()
        missing, dripped, opened = self._count, start, 0
        while not self._over.is_set():
            while missing and time.monotonic() >= start + opened / self._kind.per_second:
                opened += 1
                missing -= self._connect()
            if not missing:
                self.is_complete.set()
            for key, _ in self._selector.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                missing += self._hear(key.fileobj) and self._again
            if self._kind.drip and time.monotonic() >= dripped + DRIP_SECONDS:
                dripped = time.monotonic()
                for connection in self._began:
                    with suppress(OSError):
                        connection.send(self._kind.drip.encode())
        for connection in self._began:
            connection.close()
        self._selector.close()

    def end(self) -> None:
        """Close them all; returns when that is done."""
        self._over.set()
        self.join()

    def _connect(self) -> bool:
        connection = socket.socket()
        try:
            connection.settimeout(1)
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(self._kind.first.encode())
        except OSError:
            connection.close()
            return False
        connection.setblocking(False)
        self._began[connection] = time.monotonic()
        self._selector.register(connection, selectors.EVENT_READ)
        return True

    def _hear(self, connection: socket.socket) -> bool:
        """Whether the server has ended the connection. One that holds its answer keeps it all the same."""
        heard = b""
        with suppress(OSError):
            heard = connection.recv(65536)
        if heard:
            self._heard[connection] = self._heard.get(connection, b"") + heard
            return False
        self._selector.unregister(connection)
        told = self._heard.pop(connection, b"")
        if self._kind.per_second < 250:  # it has got what it asked for, and stays
            return False
        self.dropped.append(time.monotonic() - self._began.pop(connection))
        self.answers.append(told)
        connection.close()
        return True


@contextmanager
def attacking(port: int, *kinds: Kind, count: int, again: bool = True) -> Iterator[list[Attack]]:
    """So many connections of each kind, meanwhile."""
    attacks = [Attack(port, kind, count, again=again) for kind in kinds]
    for attack in attacks:
        attack.start()
    try:
        yield attacks
    finally:
        for attack in attacks:
            attack.end()
