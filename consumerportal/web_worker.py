"""gunicorn's thread worker, changed so that a request uses a thread only after it has been received whole.

gunicorn (27.0) passes a connection to a thread at its first byte. The thread waits for the rest without a
limit, and after an answer that closes the connection the whole process waits for the client. A hundred
clients that send half a request, or two a second that leave an answered connection open, block such a
process. Here the main loop of the process reads head and body, each within a time limit, and closes
connections without waiting. Everything else is gunicorn's. TLS ends at the proxy.
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

from apps.core.web.uploads import MAX_BODY_BYTES

READ_BYTES = 64 * 1024  # per read
MAX_HEAD_BYTES = 64 * 1024  # request line and all headers; gunicorn also limits each of them
MAX_BUFFERED_BYTES = 64 * 1024 * 1024  # all requests that are being received or answered
MIN_DROPPED_BYTES = 8 * 1024  # smaller partial requests are never dropped: at most 32 MB more
SEND_BUFFER_BYTES = 512 * 1024  # unread answer bytes that the system may buffer, so that no thread waits
SEND_MARGIN_SECONDS = 30.0  # on top of EXPORT_STALL_SECONDS, so that an export detects a stall first
CLOSE_SECONDS, CLOSE_READS = 2.0, 16  # limits for reading after the answer before closing (RFC 9112, 9.6)
STOP_SECONDS = 2.0  # for requests that are being received when the process stops
CHECK_INTERVAL = 0.5  # seconds between two searches for late connections
_HEAD_END = b"\r\n\r\n"
# The middleware does not see these answers. They are plain text and load nothing.
REFUSAL_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store, private",
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def write_refusal(sock: socket.socket, status: int, reason: str, _detail: str = "") -> None:
    """Answer a request that does not reach the application, with the headers that matter for plain text.

    Replaces gunicorn's own answer, which has none of them and quotes the request.
    """
    headers = dict(REFUSAL_HEADERS)
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = (
            f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
        )
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} {reason}", "Connection: close", f"Content-Length: {len(reason)}", *lines]
    util.write_nonblock(sock, ("\r\n".join(head) + "\r\n\r\n" + reason).encode("latin-1"))


util.write_error = write_refusal  # gunicorn calls it for requests that it cannot parse


@dataclass(eq=False)
class PartialRequest:
    """The received part of a request. ``deadline`` (time.monotonic) is for the head, then for the body."""

    deadline: float
    data: bytearray = field(default_factory=bytearray)
    length: int | None = None  # bytes of head and body together, once the head is complete
    is_cut: bool = False  # whether the body is not read


class WholeRequest:
    """Replaces the socket in gunicorn's parser: contains the bytes of one request and never blocks."""

    def __init__(self, data: bytes, *, is_cut: bool = False) -> None:
        self._data, self._is_cut = BytesIO(data), is_cut

    def recv(self, size: int) -> bytes:
        """The next bytes; empty at the end. Raises ``ConnectionResetError`` if the body was not read."""
        data = self._data.read(size)
        if not data and self._is_cut:
            raise ConnectionResetError(errno.ECONNRESET, "The body is too large and was not read")
        return data


class WholeRequestWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A thread worker whose threads never wait for bytes from a client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, PartialRequest] = {}  # by connection, oldest first
        self._closing: dict[Any, tuple[float, int]] = {}  # by connection: deadline and remaining reads
        self._buffered = 0
        self._next_check = 0.0
        self._stop_deadline = 0.0

    # --- Methods of gunicorn's worker -----------------------------------------------------------------
    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; at the limit, first drop the oldest one without a whole request."""
        if self.nr_conns >= self.worker_connections - 1:
            for connections in (self._closing, self._arriving):
                if connections:
                    self._drop(next(iter(connections)))
                    break
        super().accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Start reading a request from a new connection, or the next one from a keep-alive connection."""
        if conn.parser is None:
            with suppress(OSError):
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        conn.sock.setblocking(False)
        self._arriving[conn] = PartialRequest(time.monotonic() + settings.WEB_HEAD_SECONDS)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))
        self._read(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request in a thread; False closes the connection. Gives up if the client stops reading."""
        req._expected_100_continue = False  # the body has been received
        if conn.is_last:
            req.force_close()
        conn.sock.settimeout(settings.EXPORT_STALL_SECONDS + SEND_MARGIN_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            self.log.debug("A client did not read its answer.")
            return False

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection alive, or close it without waiting for the client, unlike gunicorn."""
        self._buffered -= conn.buffered
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._close(conn)

    def murder_pending(self) -> None:
        """Close late connections. gunicorn calls this after each round of its loop."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + CHECK_INTERVAL
        if not self.alive:
            self._stop_deadline = self._stop_deadline or now + STOP_SECONDS
            for arriving in self._arriving.values():
                arriving.deadline = min(arriving.deadline, self._stop_deadline)
        late = [conn for conn, arriving in self._arriving.items() if arriving.deadline <= now]
        for conn in late:
            if self._arriving[conn].data:
                self._refuse(conn, 408, "Request Timeout")  # RFC 9110, 15.5.9
            else:
                self._drop(conn)
        if late:
            self.log.info("Closed %d connections whose request did not arrive in time.", len(late))
        for conn in [conn for conn, (deadline, _) in self._closing.items() if deadline <= now]:
            self._drop(conn)

    # --- Reading --------------------------------------------------------------------------------------
    def _read(self, conn: Any, _ready: object = None) -> None:
        """Read available bytes; refuse, pass on or drop the request if it is too large, whole or lost."""
        arriving = self._arriving.get(conn)
        if arriving is None:  # dropped earlier in this round
            return
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        self._buffered += len(data)
        searched = max(len(arriving.data) - len(_HEAD_END) + 1, 0)
        arriving.data += data
        if arriving.length is None:
            end = arriving.data.find(_HEAD_END, searched)
            head_bytes = len(arriving.data) if end < 0 else end
            if head_bytes > MAX_HEAD_BYTES:
                self._refuse(conn, 431, "Request Header Fields Too Large")  # RFC 6585, 5
            elif end >= 0:
                self._read_head(conn, arriving, end + len(_HEAD_END))
        if conn in self._arriving and arriving.length is not None and len(arriving.data) >= arriving.length:
            self._hand_over(conn, arriving.length)
        while self._buffered > MAX_BUFFERED_BYTES and (largest := self._largest()) is not None:
            self._drop(largest)

    def _largest(self) -> Any:
        """The connection with the most buffered bytes of a partial request; None if all have few."""
        sizes = {conn: len(arriving.data) for conn, arriving in self._arriving.items()}
        largest = max(sizes, key=sizes.__getitem__, default=None)
        return None if largest is None or sizes[largest] <= MIN_DROPPED_BYTES else largest

    def _read_head(self, conn: Any, arriving: PartialRequest, end: int) -> None:
        """Set the length of the request, with gunicorn's parser, so that the thread finds the same end."""
        arriving.length = end
        try:
            request = next(get_parser(self.cfg, WholeRequest(bytes(arriving.data[:end])), conn.client))
        except Exception:  # noqa: BLE001  # the parser in the thread raises the same error and answers it
            return
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            # A server may require a length (RFC 9112, 6.3); browsers and buffering proxies send one.
            self._refuse(conn, 411, "Length Required")
        elif isinstance(reader, LengthReader) and reader.length > MAX_BODY_BYTES:
            arriving.is_cut = True  # the application answers without it; its own limits are lower
        elif isinstance(reader, LengthReader):
            arriving.length = end + reader.length
            arriving.deadline = time.monotonic() + settings.WEB_BODY_SECONDS
            if request._expected_100_continue and len(arriving.data) < arriving.length:
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, conn: Any, length: int) -> None:
        """Pass the request to a thread. If more bytes followed it, its answer closes the connection."""
        arriving = self._arriving.pop(conn)
        self.poller.unregister(conn.sock)
        source = WholeRequest(bytes(arriving.data[:length]), is_cut=arriving.is_cut)
        conn.parser = get_parser(self.cfg, source, conn.client)
        conn.initialized = conn.data_ready = True
        conn.is_last = arriving.is_cut or len(arriving.data) > length
        conn.buffered = len(arriving.data)
        super().enqueue_req(conn)

    # --- Closing --------------------------------------------------------------------------------------
    def _refuse(self, conn: Any, status: int, reason: str) -> None:
        """Send an error answer without the application, and close the connection."""
        self._buffered -= len(self._arriving.pop(conn).data)
        self.poller.unregister(conn.sock)
        with suppress(OSError):
            write_refusal(conn.sock, status, reason)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        """Shut down sending, then discard incoming bytes until the client closes or a limit is reached.

        Closing immediately would reset the connection, and the answer could be lost (RFC 9112, 9.6).
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # the client has disconnected, or the socket is already closed
            self.nr_conns -= 1
            conn.close()
            return
        self._closing[conn] = time.monotonic() + CLOSE_SECONDS, CLOSE_READS

    def _discard(self, conn: Any, _ready: object = None) -> None:
        """Read and discard bytes of a closing connection; drop it at its end or after `CLOSE_READS`."""
        if conn not in self._closing:  # dropped earlier in this round
            return
        deadline, reads = self._closing[conn]
        data = b""
        try:
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            pass
        if data and reads:
            self._closing[conn] = deadline, reads - 1
        else:
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        """Close a connection that no thread is using."""
        arriving = self._arriving.pop(conn, None)
        self._closing.pop(conn, None)
        self._buffered -= len(arriving.data) if arriving else 0
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
