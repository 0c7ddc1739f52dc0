"""One exchange with the vendor: send, understand, log one line; and the retry of reads."""

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
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from apps.cdp.answers import parse_json, vendor_message
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
from apps.cdp.refusals import error_of_answer, is_vendors_error
from apps.cdp.slots import Slots
from apps.cdp.transport import RawAnswer, Transport

RETRY_PAUSE = 0.2  # seconds before a read is repeated, when the vendor names no time
LONGEST_RETRY_WAIT = 2.0  # seconds that the vendor may ask for before a read is repeated
LONGEST_RETRY_AFTER = 86_400.0  # seconds; more than a day is no information

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "consumer-portal",
}
_OF_METHOD = {
    "POST": {"Content-Type": "application/json"},
    # What was true a minute ago is no evidence. `Pragma` is for caches of HTTP/1.0 (RFC 9111, 5.4).
    "GET": {"Cache-Control": "no-cache", "Pragma": "no-cache"},
}
TOO_MANY_REQUESTS = 429
_WORTH_REPEATING = (CdpUnreachable, CdpConnectionLost, CdpServerFault)

logger = logging.getLogger("apps.cdp")

T = TypeVar("T")
Parse = Callable[[object], T]


@dataclass(frozen=True, slots=True)
class Contact:
    """What an answer of the vendor says about the connection: its status, and the seconds by which our clock
    is ahead of the vendor's (None without a readable ``Date``)."""

    status: int
    clock_ahead: float | None


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """A value that was read, the status of its answer, and whether a cache on the way gave it."""

    value: T
    status: int
    from_cache: bool = False


def tell_nobody(_contact: Contact) -> None:
    """Nobody wants to know of answers."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends creates once and reads at most twice. All times in seconds."""

    transport: Transport
    limits: Limits
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep
    slots: Slots = field(default_factory=Slots)
    tell: Callable[[Contact], None] = tell_nobody

    def slot(self) -> AbstractContextManager[None]:
        """Hold one of the slots for the calls of this thread. Raises `CdpBusy` where none is free."""
        return self.slots.taken()

    def create(self, path: Path, body: object, parse: Parse[T], *, deadline: dt.datetime) -> Answered[T]:
        """POST once, on a connection of its own, with its first byte before `deadline`.

        Returns what `parse` made of the answer. Raises `CdpError`; `ValueError` for a deadline without a
        zone.
        """
        if deadline.tzinfo is None:
            raise ValueError("a deadline needs a time zone")
        attempt = Attempt(self.limits, deadline=deadline, clock=self.clock)
        sent = json.dumps(body, allow_nan=False).encode("ascii")
        with self.slot():
            return self._once("POST", path, attempt, parse, target=path.filled, body=sent)

    def read(self, path: Path, query: Mapping[str, str], parse: Parse[T], *, end: float) -> Answered[T]:
        """GET over a pooled connection; once more after a connect failure, a lost connection, 429 or 5xx.

        `end` is the moment (`time.monotonic`) by which both tries and the pause must be over. Raises
        `CdpError`.
        """
        target = f"{path.filled}?{urlencode(query, quote_via=quote)}" if query else path.filled
        with self.slot():
            return self._read(path, target, parse, end=end)

    def _read(self, path: Path, target: str, parse: Parse[T], *, end: float) -> Answered[T]:
        for is_last in (False, True):
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                attempt = Attempt(self.limits.within(left), clock=self.clock)
                return self._once("GET", path, attempt, parse, target=target)
            except CdpError as error:
                pause = RETRY_PAUSE if error.retry_after is None else error.retry_after
                too_long = pause > LONGEST_RETRY_WAIT or pause >= end - time.monotonic()
                if is_last or too_long or not _is_worth_repeating(error):
                    raise
            self.sleep(pause)
        raise CdpTimeout(ErrorCode.TOTAL_TIMEOUT)

    def _once(
        self,
        method: str,
        path: Path,
        attempt: Attempt,
        parse: Parse[T],
        *,
        target: str,
        body: bytes | None = None,
    ) -> Answered[T]:
        headers = {**_HEADERS, **_OF_METHOD[method]}
        began = time.monotonic()
        failure: CdpError | None = None
        cause = ""
        raw: RawAnswer | None = None
        try:
            raw = self.transport.send(
                method, target, attempt=attempt, headers=headers, body=body, fresh=body is not None
            )
            result = Answered(self._understand(raw, attempt, parse), raw.status, raw.from_cache)
        except CdpError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  # whatever broke, the attempt knows whether it was sent
            failure, cause = _failure_of(error, attempt), type(_innermost(error)).__name__
        status = raw.status if raw else None
        _log(method, path, status=status, seconds=time.monotonic() - began, failure=failure, cause=cause)
        if failure is not None:
            raise failure  # outside the handlers: the texts of what they caught quote addresses and bodies
        return result

    def _understand(self, raw: RawAnswer, attempt: Attempt, parse: Parse[T]) -> T:
        payload: object = None
        unreadable: CdpMalformedAnswer | None = None
        done = raw.status in {200, 201}
        try:
            if raw.body is None:
                raise CdpMalformedAnswer(ErrorCode.ANSWER_TOO_LARGE if raw.too_large else "")
            payload = self._payload(raw.body)
            self._tell(raw, payload)
            if done:
                return parse(payload)
        except CdpMalformedAnswer as error:
            unreadable = error
        if unreadable is not None and attempt.expired:
            # After the cut http.client may hand over an empty or shortened answer as if it were whole.
            raise CdpTimeout(ErrorCode.TOTAL_TIMEOUT, http_status=raw.status)
        if unreadable is not None and done:
            raise type(unreadable)(unreadable.code, http_status=raw.status)
        raise error_of_answer(
            raw.status,
            payload,
            message=vendor_message(payload),
            retry_after=self._retry_after(raw.retry_after),
        )

    def _payload(self, body: bytes) -> object:
        """The JSON value of a body, without our own credentials. Raises `CdpMalformedAnswer`."""
        payload = parse_json(body)
        try:
            return self.transport.secrets.masked(payload)
        except RecursionError:
            pass
        raise CdpMalformedAnswer  # outside the handler, so that no secret travels on in a chained exception

    def _tell(self, raw: RawAnswer, payload: object) -> None:
        """Tell of an answer of the vendor itself. A page of somebody else says nothing of the connection."""
        its_own = isinstance(payload, dict) if raw.status < 300 else is_vendors_error(raw.status, payload)
        if its_own and not raw.from_cache:
            self.tell(Contact(raw.status, self._clock_ahead(raw.date)))

    def _clock_ahead(self, header: str) -> float | None:
        """Seconds by which our clock is ahead of a Date header (RFC 9110, 6.6.1), which has whole seconds."""
        try:
            moment = email.utils.parsedate_to_datetime(header)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            return (self.clock() - zoned).total_seconds()
        except (ValueError, OverflowError):
            return None

    def _retry_after(self, header: str) -> float | None:
        """Seconds from a Retry-After header, a number or a date (RFC 9110, 10.2.3); None when it says
        nothing."""
        header = header.strip()
        try:
            if header.isascii() and header.isdigit():
                seconds = float(header)
            else:
                moment = email.utils.parsedate_to_datetime(header)
                zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
                seconds = max((zoned - self.clock()).total_seconds(), 0.0)
        except (ValueError, OverflowError):
            return None
        return seconds if seconds <= LONGEST_RETRY_AFTER else None


def _is_worth_repeating(error: CdpError) -> bool:
    return isinstance(error, _WORTH_REPEATING) or error.http_status == TOO_MANY_REQUESTS


def _failure_of(error: Exception, attempt: Attempt) -> CdpError:
    """The typed failure of an attempt that ended in an exception.

    Class and outcome follow from what the attempt saw; the exception chooses only the words of `code`,
    because the same exception types occur before and after the first byte.
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


def _why_unreachable(error: Exception, chain: list[BaseException], names: set[str], timed_out: bool) -> str:
    if isinstance(error, TooLateError):
        return error.code
    by_priority = (
        ("NameResolutionError" in names, ErrorCode.NAME_NOT_RESOLVED),
        (timed_out, ErrorCode.CONNECT_TIMEOUT),
        ("ProxyError" in names or "Tunnel connection failed" in str(chain[-1]), ErrorCode.PROXY_FAILED),
        ("ConnectionRefusedError" in names, ErrorCode.CONNECT_REFUSED),
        (any(isinstance(link, ssl.SSLError) for link in chain), ErrorCode.TLS_FAILED),
    )
    return next((code for holds, code in by_priority if holds), ErrorCode.CONNECT_FAILED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and everything it was made of: requests and urllib3 hide causes in `args` and `reason`."""
    waiting: list[object] = [error]
    seen: list[BaseException] = []
    while waiting and len(seen) < 20:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and link not in seen:
            seen.append(link)
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]


def _innermost(error: BaseException) -> BaseException:
    return list(_chain(error))[-1]


def _log(
    method: str, path: Path, *, status: int | None, seconds: float, failure: CdpError | None, cause: str
) -> None:
    """One line per attempt, from an allow-list: no filled path, no query, no header, no body."""
    fields = {
        "cdp_method": method,
        "cdp_path": path.template,
        "cdp_status": status,
        "cdp_duration_ms": round(seconds * 1000),
        "cdp_outcome": failure.outcome if failure else "done",
        "cdp_code": failure.code if failure else "",
        "cdp_cause": cause,  # the class name of what broke, never its text
    }
    text = " ".join(f"{name.removeprefix('cdp_')}={value}" for name, value in fields.items())
    logger.log(logging.WARNING if failure else logging.INFO, "cdp call %s", text, extra=fields)
