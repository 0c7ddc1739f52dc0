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
from typing import TypeVar
from urllib.parse import quote, urlencode

from apps.cdp.answers import field_in_message, parse_json, vendor_message
from apps.cdp.attempt import Attempt, Clock, Limits, TooLateError, utc_now
from apps.cdp.consumers import FIELD_NAMES
from apps.cdp.errors import (
    CdpConnectionLost,
    CdpError,
    CdpMalformedAnswer,
    CdpRateLimited,
    CdpServerFault,
    CdpTimeout,
    CdpUnexpected,
    CdpUnreachable,
    error_for_status,
)
from apps.cdp.links import Path
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
_WORTH_REPEATING = (CdpUnreachable, CdpConnectionLost, CdpServerFault, CdpRateLimited)

logger = logging.getLogger("apps.cdp")

T = TypeVar("T")
Parse = Callable[[object], T]


@dataclass(frozen=True, slots=True)
class Contact:
    """What an answer says about the connection: its status, and the seconds by which our clock is ahead of
    the vendor's (None without a readable ``Date``)."""

    status: int
    clock_ahead: float | None


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

    def create(self, path: Path, body: object, parse: Parse[T], *, deadline: dt.datetime) -> tuple[T, int]:
        """POST once, on a connection of its own, with its first byte before `deadline`.

        Returns what `parse` made of the answer, and its status. Raises `CdpError`; `ValueError` for a
        deadline without a zone.
        """
        if deadline.tzinfo is None:
            raise ValueError("a deadline needs a time zone")
        attempt = Attempt(self.limits, deadline=deadline, clock=self.clock)
        sent = json.dumps(body, allow_nan=False).encode("ascii")
        with self.slot():
            return self._once("POST", path, attempt, parse, target=path.filled, body=sent)

    def read(self, path: Path, query: Mapping[str, str], parse: Parse[T], *, end: float) -> T:
        """GET over a pooled connection; once more after a connect failure, a lost connection, 429 or 5xx.

        `end` is the moment (`time.monotonic`) by which both tries and the pause must be over. Raises
        `CdpError`.
        """
        target = f"{path.filled}?{urlencode(query, quote_via=quote)}" if query else path.filled
        with self.slot():
            return self._read(path, target, parse, end=end)

    def _read(self, path: Path, target: str, parse: Parse[T], *, end: float) -> T:
        for is_last in (False, True):
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                attempt = Attempt(self.limits.within(left), clock=self.clock)
                return self._once("GET", path, attempt, parse, target=target)[0]
            except _WORTH_REPEATING as error:
                pause = RETRY_PAUSE if error.retry_after is None else error.retry_after
                if is_last or pause > LONGEST_RETRY_WAIT or pause >= end - time.monotonic():
                    raise
            self.sleep(pause)
        raise CdpTimeout("total_timeout")

    def _once(
        self,
        method: str,
        path: Path,
        attempt: Attempt,
        parse: Parse[T],
        *,
        target: str,
        body: bytes | None = None,
    ) -> tuple[T, int]:
        headers = _HEADERS if body is None else {**_HEADERS, "Content-Type": "application/json"}
        began = time.monotonic()
        failure: CdpError | None = None
        cause = ""
        raw: RawAnswer | None = None
        try:
            raw = self.transport.send(
                method, target, attempt=attempt, headers=headers, body=body, fresh=body is not None
            )
            self.tell(Contact(raw.status, self._clock_ahead(raw.date)))
            result = self._understand(raw, attempt, parse), raw.status
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
        try:
            if raw.body is None:
                raise CdpMalformedAnswer("answer_too_large" if raw.too_large else "")
            payload = parse_json(raw.body)
            if raw.status in {200, 201}:
                return parse(payload)
        except CdpMalformedAnswer as error:
            unreadable = error
        if unreadable is not None and attempt.expired:
            # After the cut http.client may hand over an empty or shortened answer as if it were whole.
            raise CdpTimeout("total_timeout", http_status=raw.status)
        if unreadable is not None and raw.status in {200, 201}:
            raise CdpMalformedAnswer(unreadable.code, http_status=raw.status)
        message = vendor_message(payload)
        raise error_for_status(
            raw.status,
            field=field_in_message(message, FIELD_NAMES),
            vendor_message=message,
            retry_after=self._retry_after(raw.retry_after),
        )

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
        return CdpTimeout("total_timeout" if attempt.expired else "read_timeout")
    bases = {base.__name__ for link in chain for base in type(link).__mro__}
    return CdpConnectionLost() if bases & {"OSError", "HTTPError"} else CdpUnexpected("transport_fault")


def _why_unreachable(error: Exception, chain: list[BaseException], names: set[str], timed_out: bool) -> str:
    if isinstance(error, TooLateError):
        return error.code
    by_priority = (
        ("NameResolutionError" in names, "name_not_resolved"),
        (timed_out, "connect_timeout"),
        ("ProxyError" in names or "Tunnel connection failed" in str(chain[-1]), "proxy_failed"),
        ("ConnectionRefusedError" in names, "connect_refused"),
        (any(isinstance(link, ssl.SSLError) for link in chain), "tls_failed"),
    )
    return next((code for holds, code in by_priority if holds), "connect_failed")


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
