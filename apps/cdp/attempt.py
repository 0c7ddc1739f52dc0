"""One attempt to send a request: whether its first byte was written, and its time limits."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from apps.cdp.errors import ErrorCode

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """The machine's clock, for a client outside the portal. The portal passes ``core.clock.now`` instead."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """The time limits of a call in seconds. There are no defaults, so that every call has limits.

    `connect` applies to connecting as a whole (all addresses, proxy, TLS), `read` to each wait for bytes,
    `total` to the whole call.
    """

    connect: float
    read: float
    total: float

    def __post_init__(self) -> None:
        """Raises `ValueError` for a limit that is not a positive, finite number."""
        for limit in (self.connect, self.read, self.total):
            if not (math.isfinite(limit) and limit > 0):
                raise ValueError("time limits are positive numbers of seconds")

    def within(self, seconds: float) -> Limits:
        """The same limits, each at most `seconds`."""
        return Limits(min(self.connect, seconds), min(self.read, seconds), min(self.total, seconds))


class TooLateError(Exception):
    """The attempt was stopped before its first byte. `code` is the `ErrorCode` of the reason."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Attempt:
    """Watches one request. Use it as a context manager around connecting, sending and reading the answer.

    `request_started` becomes true immediately before the first byte of the request is written, after the
    connection is established. False means for certain that nothing was sent. `expired` means that a time
    limit cut the connection: an answer read after that is trusted only if it is complete.
    """

    def __init__(
        self, limits: Limits, *, deadline: dt.datetime | None = None, clock: Clock = utc_now
    ) -> None:
        self.limits = limits
        self.request_started = False
        self.expired = False
        self._deadline = deadline
        self._clock = clock
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(limits.total, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Attempt:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def watch_socket(self, connection: socket.socket) -> None:
        """Set the socket that the total limit cuts. Raises `TooLateError` if the limit has passed."""
        with self._lock:
            self._socket = connection
            if self.expired:
                raise TooLateError(ErrorCode.CONNECT_TIMEOUT)

    @contextlib.contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Cut the connection if the block takes longer than `seconds`."""
        timer = threading.Timer(max(seconds, 0.0), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def before_write(self) -> None:
        """Call this before each write of the request.

        Raises `TooLateError` if the deadline has passed before the first byte. Later writes are not stopped:
        a request that has begun is completed.
        """
        if self.request_started:
            return
        if self._deadline is not None and self._clock() >= self._deadline:
            raise TooLateError(ErrorCode.DEADLINE_PASSED)
        self.request_started = True

    def _cut(self) -> None:
        """Shut the connection down, so that reads and writes in other threads end."""
        with self._lock:
            self.expired = True
            if self._socket is None:
                return
            # Not the method of the TLS socket, which would discard its TLS state while another thread reads.
            with contextlib.suppress(OSError):  # already closed
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
