"""gunicorn's thread worker, with requests that have arrived whole before a thread is taken.

gunicorn (27.0) gives a connection to a thread once its first byte is there. The thread waits for the rest
without a limit, and after an answer that closes the connection the whole process waits for the client. A
hundred clients that send half a request, or two a second that keep an answered connection open, stop such a
portal. Here the process's main loop reads head and body, each within a total time, and closes connections
without waiting. All else is gunicorn's. TLS ends at the proxy.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any

from django.conf import settings
from gunicorn import util
from gunicorn.http import get_parser
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.workers.gthread import ThreadWorker

PIECE_BYTES = 64 * 1024  # of one read
HEAD_BYTES = 64 * 1024  # of a request line with all headers; gunicorn limits each of them
BODY_BYTES = (
    10 * 1024 * 1024
)  # of one body; above, the application answers without it. Django's limit is lower
HELD_BYTES = 64 * 1024 * 1024  # of all requests together that wait for their rest or for their answer
ANSWER_BYTES = 512 * 1024  # of an unread answer that the system may keep, so that no thread waits
SEND_MARGIN_SECONDS = 30.0  # an export finds out by itself, and earlier, that its reader has stalled
CLOSE_SECONDS, CLOSE_READS = 2.0, 16  # that a closed connection's client may still send (RFC 9112, 9.6)
STOP_SECONDS = 2.0  # that a request may still take to arrive when the process was told to stop
LOOK_SECONDS = 0.5  # between two looks at who is late
_HEAD_END = b"\r\n\r\n"


@dataclass(eq=False)
class Arriving:
    """What has arrived of a request. ``deadline`` (monotonic seconds) is for the head, then for the body."""

    deadline: float
    data: bytearray = field(default_factory=bytearray)
    length: int | None = None  # bytes of head and body together, once the head is there
    is_cut: bool = False  # whether the body is left unread


class WholeRequest:
    """Takes the socket's place in gunicorn's parser: one request's bytes, and nothing to wait for."""

    def __init__(self, data: bytes, *, is_cut: bool = False) -> None:
        self._data, self._is_cut = BytesIO(data), is_cut

    def recv(self, size: int) -> bytes:
        """The next bytes; none at the end. Raises ``ConnectionResetError`` where the rest was left unread."""
        data = self._data.read(size)
        if not data and self._is_cut:
            raise ConnectionResetError(errno.ECONNRESET, "The body is too large and was not read")
        return data


class WholeRequestWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """The thread worker whose threads never wait for what a client sends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, Arriving] = {}  # by connection, the oldest first
        self._closing: dict[Any, tuple[float, int]] = {}  # deadline, and reads that are left
        self._held = 0
        self._next_look = 0.0
        self._stop_deadline = 0.0

    # --- What gunicorn calls --------------------------------------------------------------------------
    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; where there is no room, the one goes that has been of no use for longest."""
        if self.nr_conns >= self.worker_connections - 1:
            for connections in (self._closing, self._arriving):
                if connections:
                    self._end(next(iter(connections)))
                    break
        super().accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Begin to read a request: of a new connection, or the next one of a connection that was kept."""
        if conn.parser is None:
            with suppress(OSError):
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ANSWER_BYTES)
        conn.sock.setblocking(False)
        self._arriving[conn] = Arriving(time.monotonic() + settings.WEB_HEAD_SECONDS)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))
        self._read(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request, in a thread. A client that does not take the answer is left."""
        req._expected_100_continue = False  # the body is here
        if conn.is_last:
            req.force_close()
        conn.sock.settimeout(settings.EXPORT_STALL_SECONDS + SEND_MARGIN_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.debug("A client did not take its answer.")
            return False

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection, or close it without waiting for the client as gunicorn would."""
        self._held -= conn.held
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._close(conn)

    def murder_pending(self) -> None:
        """End the connections that are late. gunicorn calls this after each round of its loop."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        if not self.alive:
            self._stop_deadline = self._stop_deadline or now + STOP_SECONDS
            for arriving in self._arriving.values():
                arriving.deadline = min(arriving.deadline, self._stop_deadline)
        late = [conn for conn, arriving in self._arriving.items() if arriving.deadline <= now]
        for conn in late:
            if self._arriving[conn].data:
                self._refuse(conn, 408, "Request Timeout")  # RFC 9110, 15.5.9
            else:
                self._end(conn)
        if late:
            self.log.info("Closed %d connections whose request did not arrive in time.", len(late))
        for conn in [conn for conn, (deadline, _) in self._closing.items() if deadline <= now]:
            self._end(conn)

    # --- Reading --------------------------------------------------------------------------------------
    def _read(self, conn: Any, _ready: object = None) -> None:
        arriving = self._arriving.get(conn)
        if arriving is None:  # it was ended in this very round
            return
        try:
            data = conn.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(conn)
            return
        self._held += len(data)
        searched = max(len(arriving.data) - len(_HEAD_END) + 1, 0)
        arriving.data += data
        if arriving.length is None:
            end = arriving.data.find(_HEAD_END, searched)
            if (len(arriving.data) if end < 0 else end) > HEAD_BYTES:
                self._refuse(conn, 431, "Request Header Fields Too Large")  # RFC 6585, 5
            elif end >= 0:
                self._read_head(conn, arriving, end + len(_HEAD_END))
        if conn in self._arriving and arriving.length is not None and len(arriving.data) >= arriving.length:
            self._hand_over(conn, arriving.length)
        while self._held > HELD_BYTES and (largest := self._largest()) is not None:
            self._end(largest)

    def _largest(self) -> Any:
        """The connection that holds most of an unfinished request; None where each holds little."""
        sizes = {conn: len(arriving.data) for conn, arriving in self._arriving.items()}
        largest = max(sizes, key=sizes.__getitem__, default=None)
        return None if largest is None or sizes[largest] <= PIECE_BYTES else largest

    def _read_head(self, conn: Any, arriving: Arriving, end: int) -> None:
        """Find out how long the body is, by gunicorn's own parser: it will see the same end in the thread."""
        arriving.length = end
        try:
            request = next(get_parser(self.cfg, WholeRequest(bytes(arriving.data[:end])), conn.client))
        except Exception:  # noqa: BLE001  # the thread's parser raises the same, and answers it
            return
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            # A server may insist on a length (RFC 9112, 6.3); browsers and buffering proxies send one.
            self._refuse(conn, 411, "Length Required")
        elif isinstance(reader, LengthReader) and reader.length > BODY_BYTES:
            arriving.is_cut = True
        elif isinstance(reader, LengthReader):
            arriving.length = end + reader.length
            arriving.deadline = time.monotonic() + settings.WEB_BODY_SECONDS
            if request._expected_100_continue and len(arriving.data) < arriving.length:
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, conn: Any, length: int) -> None:
        """Let a thread answer the request. Where more came behind it, the answer closes the connection."""
        arriving = self._arriving.pop(conn)
        self.poller.unregister(conn.sock)
        source = WholeRequest(bytes(arriving.data[:length]), is_cut=arriving.is_cut)
        conn.parser = get_parser(self.cfg, source, conn.client)
        conn.initialized = conn.data_ready = True
        conn.is_last = arriving.is_cut or len(arriving.data) > length
        conn.held = len(arriving.data)
        super().enqueue_req(conn)

    # --- Closing --------------------------------------------------------------------------------------
    def _refuse(self, conn: Any, status: int, reason: str) -> None:
        """Answer without the application, and close."""
        self._held -= len(self._arriving.pop(conn).data)
        self.poller.unregister(conn.sock)
        with suppress(OSError):
            util.write_error(conn.sock, status, reason, "")
        self._close(conn)

    def _close(self, conn: Any) -> None:
        """Say that nothing more comes, and discard for a while what the client still sends.

        Closing at once would make the system break the connection, and the answer could get lost.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # the client has gone, or the socket is closed already
            self.nr_conns -= 1
            conn.close()
            return
        self._closing[conn] = time.monotonic() + CLOSE_SECONDS, CLOSE_READS

    def _discard(self, conn: Any, _ready: object = None) -> None:
        if conn not in self._closing:  # it was ended in this very round
            return
        deadline, reads = self._closing[conn]
        data = b""
        try:
            data = conn.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            pass
        if data and reads:
            self._closing[conn] = deadline, reads - 1
        else:
            self._end(conn)

    def _end(self, conn: Any) -> None:
        """Close a connection that no thread has."""
        arriving = self._arriving.pop(conn, None)
        self._closing.pop(conn, None)
        self._held -= len(arriving.data) if arriving else 0
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
