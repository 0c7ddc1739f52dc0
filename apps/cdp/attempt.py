"""One request on the wire: was its first byte written, and when must it end?"""

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
    """The clock of the machine, for a client without the portal. The portal's takes ``core.clock.now``."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take, in seconds. No default: a call without limits cannot be built.

    `connect` holds for the whole way to the vendor (all addresses, proxy, TLS), `read` for each silence,
    `total` for everything together.
    """

    connect: float
    read: float
    total: float

    def __post_init__(self) -> None:
        """Raises `ValueError` for a limit that is none."""
        for limit in (self.connect, self.read, self.total):
            if not (math.isfinite(limit) and limit > 0):
                raise ValueError("time limits are positive numbers of seconds")

    def within(self, seconds: float) -> Limits:
        """The same limits, none longer than `seconds`."""
        return Limits(min(self.connect, seconds), min(self.read, seconds), min(self.total, seconds))


class TooLateError(Exception):
    """The attempt was stopped before its first byte. `code` says by what."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Attempt:
    """Watches one request. Use as a context manager around connecting, sending and reading the answer.

    `request_started` becomes true immediately before the first byte of the request is written, and never
    before the way to the vendor stands; so false means for certain that nothing was sent. `expired` means
    that a limit cut the connection: an answer read after that is not trusted unless it is complete.
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

    def hold(self, connection: socket.socket) -> None:
        """Remember the socket that the total limit has to cut. Raises `TooLateError` when the limit has
        passed."""
        with self._lock:
            self._socket = connection
            if self.expired:
                raise TooLateError(ErrorCode.CONNECT_TIMEOUT)

    @contextlib.contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Cut the connection unless the block is over within so many seconds."""
        timer = threading.Timer(max(seconds, 0.0), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def before_write(self) -> None:
        """Called before each write of the request. Raises `TooLateError` once the deadline has passed, but
        only before the first byte: half a request helps nobody."""
        if self.request_started:
            return
        if self._deadline is not None and self._clock() >= self._deadline:
            raise TooLateError(ErrorCode.DEADLINE_PASSED)
        self.request_started = True

    def _cut(self) -> None:
        with self._lock:
            self.expired = True
            if self._socket is None:
                return
            # The plain method: that of a TLS socket would drop its decryption under the reading thread.
            with contextlib.suppress(OSError):  # already closed: the reading thread sees that by itself
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
