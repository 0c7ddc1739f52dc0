"""One exchange with the vendor: send, parse, log one line. Reads are retried once."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from apps.cdp.answers import parse_json
from apps.cdp.attempt import Attempt, Clock, Limits, TooLateError, utc_now
from apps.cdp.errors import (
    CdpConnectionLost,
    CdpError,
    CdpMalformedAnswer,
    CdpServerFault,
    CdpTimeout,
    CdpUnexpected,
    CdpUnreachable,
    ErrorCode,
)
from apps.cdp.links import Path
from apps.cdp.refusals import error_of_answer, message_of_vendors_error
from apps.cdp.slots import Slots
from apps.cdp.transport import RawAnswer, Transport

RETRY_PAUSE = 0.2  # seconds before a retry of a read if the vendor sends no Retry-After
MAX_RETRY_WAIT = 2.0  # seconds; a read is not retried if the vendor asks for a longer wait
MAX_RETRY_AFTER = 86_400.0  # seconds; longer values are ignored
MAX_CLOCK_DIFFERENCE = 366 * 86_400.0  # seconds; with a clock that far off, no certificate would be accepted

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "consumer-portal",
}
_METHOD_HEADERS = {
    "POST": {"Content-Type": "application/json"},
    # A cached answer does not show the current state. `Pragma` is for HTTP/1.0 caches (RFC 9111, 5.4).
    "GET": {"Cache-Control": "no-cache", "Pragma": "no-cache"},
}
TOO_MANY_REQUESTS = 429
_RETRYABLE = (CdpUnreachable, CdpConnectionLost, CdpServerFault)

logger = logging.getLogger("apps.cdp")

T = TypeVar("T")
Parse = Callable[[object], T]


@dataclass(frozen=True, slots=True)
class AnswerHealth:
    """What one answer shows about connection health.

    `status`: HTTP status, which shows whether the credentials were accepted. `clock_ahead`: seconds by which
    our clock is ahead of the vendor's; None without a plausible `Date` header.
    """

    status: int
    clock_ahead: float | None


@dataclass(frozen=True, slots=True)
class ParsedAnswer(Generic[T]):
    """A parsed answer: its value, its HTTP status, and whether it came from a cache."""

    value: T
    status: int
    from_cache: bool = False


def ignore_health(_health: AnswerHealth) -> None:
    """The default of `Exchange.report_health`: do nothing."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends creates once and reads at most twice. All times are in seconds."""

    transport: Transport
    limits: Limits
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep
    slots: Slots = field(default_factory=Slots)
    report_health: Callable[[AnswerHealth], None] = ignore_health

    def slot(self) -> AbstractContextManager[None]:
        """Hold one of the slots for the calls of this thread. Raises `CdpBusy` if none is free."""
        return self.slots.hold()

    def lookup_slot(self) -> AbstractContextManager[None]:
        """Hold one of the slots for look-ups. Raises `CdpBusy` if none of them is free."""
        return self.slots.hold_for_lookup()

    def create(self, path: Path, body: object, parse: Parse[T], *, deadline: dt.datetime) -> ParsedAnswer[T]:
        """POST once over a new connection, with the first byte before `deadline`.

        Returns the answer parsed by `parse`. Raises `CdpError`, and `ValueError` for a deadline without a
        time zone.
        """
        if deadline.tzinfo is None:
            raise ValueError("a deadline needs a time zone")
        attempt = Attempt(self.limits, deadline=deadline, clock=self.clock)
        sent = json.dumps(body).encode()
        with self.slot():
            return self._send_once("POST", path, attempt, parse, target=path.filled, body=sent)

    def read(self, path: Path, query: Mapping[str, str], parse: Parse[T], *, end: float) -> ParsedAnswer[T]:
        """GET over a pooled connection; retry once after a connect failure, a lost connection, 429 or 5xx.

        `end`: the time (`time.monotonic`) by which both attempts and the pause must end. Raises `CdpError`.
        """
        target = f"{path.filled}?{urlencode(query, quote_via=quote)}" if query else path.filled
        with self.slot():
            return self._read(path, target, parse, end=end)

    def _read(self, path: Path, target: str, parse: Parse[T], *, end: float) -> ParsedAnswer[T]:
        """GET at most twice until `end`. Raises `CdpTimeout` if no time is left."""
        for is_last in (False, True):
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                attempt = Attempt(self.limits.within(left))
                return self._send_once("GET", path, attempt, parse, target=target)
            except CdpError as error:
                pause = RETRY_PAUSE if error.retry_after is None else error.retry_after
                too_long = pause > MAX_RETRY_WAIT or pause >= end - time.monotonic()
                if is_last or too_long or not _is_retryable(error):
                    raise
            self.sleep(pause)
        raise CdpTimeout(ErrorCode.TOTAL_TIMEOUT)

    def _send_once(
        self,
        method: str,
        path: Path,
        attempt: Attempt,
        parse: Parse[T],
        *,
        target: str,
        body: bytes | None = None,
    ) -> ParsedAnswer[T]:
        """Send one request, log it, and return the parsed answer. Raises `CdpError`."""
        headers = {**_HEADERS, **_METHOD_HEADERS[method]}
        began = time.monotonic()
        failure: CdpError | None = None
        cause = ""
        raw: RawAnswer | None = None
        try:
            raw = self.transport.send(
                method, target, attempt=attempt, headers=headers, body=body, fresh=body is not None
            )
            result = ParsedAnswer(self._interpret(raw, attempt, parse), raw.status, raw.from_cache)
        except CdpError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # the attempt records whether any byte was sent
            failure, cause = failure_of(error, attempt), type(_innermost(error)).__name__
        status = raw.status if raw else None
        _log(method, path, status=status, seconds=time.monotonic() - began, failure=failure, cause=cause)
        if failure is not None:
            raise failure  # outside the handlers, whose exceptions quote addresses and bodies
        return result

    def _interpret(self, raw: RawAnswer, attempt: Attempt, parse: Parse[T]) -> T:
        """Parse a success; raise the `CdpError` for anything else."""
        payload: object = None
        unreadable: CdpMalformedAnswer | None = None
        is_success = raw.status in {200, 201}
        try:
            if raw.body is None:
                raise CdpMalformedAnswer(ErrorCode.ANSWER_TOO_LARGE if raw.too_large else "")
            payload = self._payload(raw.body)
            self._report_health(raw, payload)
            if is_success:
                return parse(payload)
        except CdpMalformedAnswer as error:
            unreadable = error
        if unreadable is not None and attempt.expired:
            # After the cut http.client may return an empty or truncated answer as complete.
            raise CdpTimeout(ErrorCode.TOTAL_TIMEOUT, http_status=raw.status)
        if unreadable is not None and is_success:
            raise type(unreadable)(unreadable.code, http_status=raw.status)
        raise error_of_answer(raw.status, payload, retry_after=self._retry_after(raw.retry_after))

    def _payload(self, body: bytes) -> object:
        """The JSON value of a body, with our credentials masked. Raises `CdpMalformedAnswer`."""
        payload = parse_json(body)
        try:
            return self.transport.secrets.masked(payload)
        except RecursionError:
            pass
        raise CdpMalformedAnswer  # outside the handler, so that no chained exception contains a secret

    def _report_health(self, raw: RawAnswer, payload: object) -> None:
        """Report an answer that is certainly the vendor's own, not from a proxy, a firewall or a cache."""
        is_vendors = (
            isinstance(payload, dict)
            if raw.status < 300
            else message_of_vendors_error(raw.status, payload) is not None
        )
        if is_vendors and not raw.from_cache:
            self.report_health(AnswerHealth(raw.status, self._clock_ahead(raw.date)))

    def _clock_ahead(self, header: str) -> float | None:
        """Seconds by which our clock is ahead of a Date header (RFC 9110, 6.6.1).

        None if it is invalid, or further away than `MAX_CLOCK_DIFFERENCE`.
        """
        try:
            seconds = (self.clock() - _http_date(header)).total_seconds()
        except (ValueError, OverflowError):
            return None
        return seconds if abs(seconds) <= MAX_CLOCK_DIFFERENCE else None

    def _retry_after(self, header: str) -> float | None:
        """Seconds from a Retry-After header, a number or a date (RFC 9110, 10.2.3).

        None if it is missing, invalid or above `MAX_RETRY_AFTER`.
        """
        header = header.strip()
        try:
            if header.isascii() and header.isdigit():
                seconds = float(header)
            else:
                seconds = max((_http_date(header) - self.clock()).total_seconds(), 0.0)
        except (ValueError, OverflowError):
            return None
        return seconds if seconds <= MAX_RETRY_AFTER else None


def _http_date(header: str) -> dt.datetime:
    """The moment of a date in a header. Raises `ValueError` or `OverflowError` if it is invalid."""
    moment = email.utils.parsedate_to_datetime(header)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)  # the zone -0000 is UTC (RFC 5322, 3.3)


def _is_retryable(error: CdpError) -> bool:
    return isinstance(error, _RETRYABLE) or error.http_status == TOO_MANY_REQUESTS


def failure_of(error: Exception, attempt: Attempt) -> CdpError:
    """The `CdpError` for an attempt that ended in an exception.

    The state of the attempt determines its class and outcome. The exception determines only `code`, because
    the same exception types occur before and after the first byte.
    """
    chain = list(_chain(error))
    names = {type(link).__name__ for link in chain}
    timed_out = bool(names & {"TimeoutError", "ConnectTimeoutError", "ReadTimeoutError"})
    if not attempt.request_started:
        return CdpUnreachable(_why_unreachable(error, chain, names, timed_out or attempt.expired))
    if timed_out or attempt.expired:
        return CdpTimeout(ErrorCode.TOTAL_TIMEOUT if attempt.expired else ErrorCode.READ_TIMEOUT)
    bases = {base.__name__ for link in chain for base in type(link).__mro__}
    return (
        CdpConnectionLost() if bases & {"OSError", "HTTPError"} else CdpUnexpected(ErrorCode.TRANSPORT_FAULT)
    )


_OF_THE_PROXY: Final = {"NameResolutionError", "ConnectTimeoutError"}


def _why_unreachable(error: Exception, chain: list[BaseException], names: set[str], timed_out: bool) -> str:
    """The `ErrorCode` of a failure before the first byte."""
    if isinstance(error, TooLateError):
        return error.code
    by_priority = (
        # With a proxy, the portal resolves and connects to nothing else.
        ("ProxyError" in names and bool(names & _OF_THE_PROXY), ErrorCode.PROXY_FAILED),
        ("NameResolutionError" in names, ErrorCode.NAME_NOT_RESOLVED),
        (timed_out, ErrorCode.CONNECT_TIMEOUT),
        ("ProxyError" in names, ErrorCode.PROXY_FAILED),
        ("ConnectionRefusedError" in names, ErrorCode.CONNECT_REFUSED),
        (any(isinstance(link, ssl.SSLError) for link in chain), ErrorCode.TLS_FAILED),
    )
    return next((code for applies, code in by_priority if applies), ErrorCode.CONNECT_FAILED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all its causes, each once."""
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while waiting:
        link = waiting.pop(0)
        if link is not None and link not in seen:
            seen.append(link)
            yield link
            waiting += [link.__cause__, link.__context__]


def _innermost(error: BaseException) -> BaseException:
    return list(_chain(error))[-1]


def _log(
    method: str, path: Path, *, status: int | None, seconds: float, failure: CdpError | None, cause: str
) -> None:
    """Log one line per attempt. It never contains a filled path, a query, a header or a body."""
    fields = {
        "cdp_method": method,
        "cdp_path": path.template,
        "cdp_status": status,
        "cdp_duration_ms": round(seconds * 1000),
        "cdp_outcome": failure.outcome if failure else "done",
        "cdp_code": failure.code if failure else "",
        "cdp_cause": cause,  # the class of the exception, never its text
    }
    text = " ".join(f"{name.removeprefix('cdp_')}={value}" for name, value in fields.items())
    logger.log(logging.WARNING if failure else logging.INFO, "cdp call %s", text, extra=fields)
