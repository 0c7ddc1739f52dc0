"""Faults: what goes wrong with a request, and whether the work is done all the same.

The table FAULTS is the whole list. A fault of kind `Before` keeps the request from being handled, so nothing
is stored; one of kind `After` handles it first and then spoils the answer. Each gives the steps on the wire.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from apps.sandbox.answers import Answer, as_html, error, unauthorized
from apps.sandbox.calls import Call
from apps.sandbox.routes import CREATE
from apps.sandbox.wire import Close, Hold, Reset, Script, Send, Wait

HOLD_SECONDS = 120.0
SLOW_SECONDS = 3.0
RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Before:
    """A fault in whose place nothing is done. `says` is its line in the list."""

    says: str
    script: Callable[[Call], Script]


@dataclass(frozen=True, slots=True)
class After:
    """A fault that comes after the work. A request that was refused gets its refusal, not the fault."""

    says: str
    script: Callable[[Answer], Script]


Fault = Before | After


def _before(says: str, *steps: Send | Hold | Reset | Close) -> Before:
    return Before(says, lambda _call: steps)


def _after(says: str, *steps: Send | Hold | Reset | Close) -> After:
    return After(says, lambda _answer: steps)


def _without_ref(answer: Answer) -> Script:
    body = {name: value for name, value in json.loads(answer.body).items() if name != "ref"}
    return (Send(replace(answer, body=json.dumps(body).encode())),)


def _truncated(answer: Answer) -> Script:
    return (Send(replace(answer, body=answer.body[: len(answer.body) // 2])),)


def _slow(answer: Answer) -> Script:
    return (Wait(SLOW_SECONDS), Send(answer))


_SERVER_ERROR = Send(error(500, "Internal server error.", "An unexpected condition was met."))
_UNAVAILABLE = Send(as_html(503, "503 Service Temporarily Unavailable"))
_FORBIDDEN = Send(as_html(403, "403 Forbidden"))
_CONFLICT = Send(error(409, "Conflict.", "The resource is being changed by another request."))
_TOO_MANY = Send(
    error(
        429,
        "Too many requests.",
        "The rate limit has been reached.",
        headers=(("Retry-After", str(RETRY_AFTER_SECONDS)),),
    )
)

FAULTS: Mapping[str, Fault] = {
    "no_answer_after": _after("no answer, connection held", Hold(HOLD_SECONDS), Close()),
    "no_answer_before": _before("no answer, connection held", Hold(HOLD_SECONDS), Close()),
    "reset_after": _after("connection reset, no answer", Reset()),
    "reset_before": _before("connection reset, no answer", Reset()),
    "500_after": _after("500 in JSON", _SERVER_ERROR),
    "500_before": _before("500 in JSON", _SERVER_ERROR),
    "503_html_after": _after("503 as an HTML page", _UNAVAILABLE),
    "503_html_before": _before("503 as an HTML page", _UNAVAILABLE),
    "no_ref": After("success whose body has no `ref`", _without_ref),
    "truncated_json": After("success whose JSON ends half-way", _truncated),
    "401": _before("401 though the credentials are right", Send(unauthorized())),
    "403_html": _before("403 as an HTML page", _FORBIDDEN),
    "404": Before("404 though the order exists", lambda call: (Send(call.no_such("Order")),)),
    "409": _before("409 in JSON", _CONFLICT),
    "429": _before(f"429 with `Retry-After: {RETRY_AFTER_SECONDS}`", _TOO_MANY),
    "slow": After(f"the right answer {SLOW_SECONDS:g} seconds late", _slow),
}


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that waits for its requests: the next `times` of an operation, on one order or on any."""

    fault: str
    times: int = 1
    order: str = ""
    operation: str = CREATE

    def meets(self, operation: str, ref: str) -> bool:
        """Whether a request to an operation, with the reference in its path, gets this fault."""
        return self.operation == operation and self.order.lower() in ("", ref.lower())


class FaultBoard:
    """Which request gets which fault: an armed one first, else the one bound to the order of a create."""

    def __init__(self, bound: Mapping[str, str]) -> None:
        """`bound` gives the fault of an order by the order's reference."""
        self._bound = bound
        self._armed: list[Armed] = []
        self._lock = threading.Lock()

    def arm(self, armed: Armed) -> None:
        """Arm a fault behind those that are armed already."""
        with self._lock:
            self._armed.append(armed)

    def clear(self) -> None:
        """Disarm all; the faults bound to orders stay."""
        with self._lock:
            self._armed.clear()

    def armed(self) -> tuple[Armed, ...]:
        """What is armed, in the order of its use."""
        with self._lock:
            return tuple(self._armed)

    def take(self, operation: str, ref: str) -> str:
        """The name of the fault that a request gets, empty for none; an armed one is used up once."""
        with self._lock:
            for position, armed in enumerate(self._armed):
                if armed.meets(operation, ref):
                    left = [replace(armed, times=armed.times - 1)] if armed.times > 1 else []
                    self._armed[position : position + 1] = left
                    return armed.fault
        return self._bound.get(ref.lower(), "") if operation == CREATE else ""
