"""The control address `/_sandbox/`, which the vendor does not have: faults, switches, requests."""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from sandbox.api.answers import Answer, as_json, error, method_not_allowed
from sandbox.api.calls import Request
from sandbox.api.list_cache import ListCache
from sandbox.api.routes import CREATE, ROUTES
from sandbox.api.validation import parse_moment, read_json_object
from sandbox.data.store import JsonObject, StoredConsumer, WireRequest
from sandbox.faults.armed import Armed, ArmedFaults
from sandbox.faults.catalogue import CONNECTION_FAULTS, REQUEST_FAULTS
from sandbox.faults.table import ROWS
from sandbox.options import Switches

PREFIX = "_sandbox"
MAX_TIMES = 1_000_000
MAX_SECONDS = 3_600
_ON_ONE_ORDER = tuple(route.operation for route in ROUTES if route.path.startswith("/v2.1/orders/{ref}"))


class ControlledSandbox(Protocol):
    """The part of the application that the control address uses."""

    faults: ArmedFaults
    switches: Switches

    list_cache: ListCache

    def consumers(self, order_ref: str = "") -> list[StoredConsumer]: ...
    def add_consumer(
        self, order_ref: str, body: JsonObject, *, created_at: datetime | None = None, listed_in: float = 0
    ) -> StoredConsumer: ...
    def list_consumer(self, ref: str, *, listed_in: float = 0) -> StoredConsumer: ...
    def requests(self, after: int = 0) -> list[WireRequest]: ...


def answer(sandbox: ControlledSandbox, request: Request) -> Answer:
    """Answer a request to the control address."""
    methods = _ACTIONS.get(request.segments[1:])
    if methods is None:
        return error(404, "No such control address.", f"There are: {', '.join(_addresses())}")
    action = methods.get(request.method)
    if action is None:
        return method_not_allowed(tuple(methods))
    try:
        return action(sandbox, request)
    except ValueError as problem:
        return error(400, str(problem), str(problem))


def armed_from(values: JsonObject) -> Armed:
    """Parse the JSON of a fault to arm. Raises ValueError with the reason if it is invalid."""
    known = [field.name for field in fields(Armed)]
    if unknown := set(values) - set(known):
        raise ValueError(f"{min(unknown)}: not known; give {', '.join(known)}")
    fault, times, seconds = values.get("fault"), values.get("times", 1), values.get("seconds")
    order, operation = values.get("order") or "", values.get("operation", CREATE)
    if not isinstance(fault, str) or fault not in {**REQUEST_FAULTS, **CONNECTION_FAULTS}:
        raise ValueError(f"fault: must be one of {', '.join([*REQUEST_FAULTS, *CONNECTION_FAULTS])}")
    if fault in CONNECTION_FAULTS and (order or "operation" in values):
        raise ValueError("order and operation: a connection fault occurs before they are known")
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MAX_TIMES:
        raise ValueError(f"times: must be a whole number from 1 to {MAX_TIMES}")
    if not isinstance(order, str):
        raise ValueError("order: must be an order reference")
    operations = [route.operation for route in ROUTES]
    if not isinstance(operation, str) or operation not in operations:
        raise ValueError(f"operation: must be one of {', '.join(dict.fromkeys(operations))}")
    if order and operation not in _ON_ONE_ORDER:
        raise ValueError(
            f"order: the path of {operation} names no order; give order only for {', '.join(_ON_ONE_ORDER)}"
        )
    return Armed(fault, times, order, operation, _seconds(seconds))


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_SECONDS:
        raise ValueError(f"seconds: must be a number above 0 and up to {MAX_SECONDS}")
    return value


def _list_faults(sandbox: ControlledSandbox, _request: Request) -> Answer:
    known = [asdict(row) for row in ROWS]
    return as_json(200, {"armed": [asdict(armed) for armed in sandbox.faults.armed()], "known": known})


def _arm(sandbox: ControlledSandbox, request: Request) -> Answer:
    armed = armed_from(_body(request))
    sandbox.faults.arm(armed)
    return as_json(201, asdict(armed))


def _clear_faults(sandbox: ControlledSandbox, _request: Request) -> Answer:
    sandbox.faults.clear()
    return Answer(HTTPStatus.NO_CONTENT)


def _show_switches(sandbox: ControlledSandbox, _request: Request) -> Answer:
    return as_json(200, asdict(sandbox.switches))


def _set_switches(sandbox: ControlledSandbox, request: Request) -> Answer:
    sandbox.switches = sandbox.switches.changed(_body(request))
    sandbox.list_cache.clear()
    return _show_switches(sandbox, request)


def _list_consumers(sandbox: ControlledSandbox, request: Request) -> Answer:
    consumers = sandbox.consumers(request.query.get("order", ""))
    return as_json(200, {"consumers": [_plain(asdict(one)) for one in consumers]})


def _add_consumer(sandbox: ControlledSandbox, request: Request) -> Answer:
    """Add a consumer as if another system had created it, or set when a stored consumer is listed."""
    values = _body(request)
    if unknown := set(values) - {"order", "body", "ref", "created_at", "listed_in"}:
        raise ValueError(f"{min(unknown)}: not known; give order and body, or ref")
    seconds = values.get("listed_in", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 86_400:
        raise ValueError("listed_in: must be a number of seconds from 0 to 86400")
    ref, order, body = values.get("ref"), values.get("order"), values.get("body")
    if isinstance(ref, str) and order is None and body is None:
        return as_json(200, _plain(asdict(sandbox.list_consumer(ref, listed_in=seconds))))
    if not isinstance(order, str) or not isinstance(body, dict):
        raise ValueError("order, body: must be an order reference and an object")
    created_at = values.get("created_at")
    moment = parse_moment(created_at) if isinstance(created_at, str) else None
    if created_at is not None and moment is None:
        raise ValueError("created_at: must be a moment as in ISO 8601")
    added = sandbox.add_consumer(order, body, created_at=moment, listed_in=seconds)
    return as_json(201, _plain(asdict(added)))


def _list_requests(sandbox: ControlledSandbox, request: Request) -> Answer:
    after = request.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise ValueError("after: must be the number of a request")
    return as_json(200, {"requests": [_plain(asdict(one)) for one in sandbox.requests(int(after))]})


def _plain(values: JsonObject) -> JsonObject:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _body(request: Request) -> JsonObject:
    body = read_json_object(request.body)
    if isinstance(body, Answer):
        raise ValueError("The body must be a JSON object.")
    return body


_Action = Callable[[ControlledSandbox, Request], Answer]
_ACTIONS: dict[tuple[str, ...], dict[str, _Action]] = {
    ("faults",): {"GET": _list_faults, "POST": _arm, "DELETE": _clear_faults},
    ("switches",): {"GET": _show_switches, "POST": _set_switches},
    ("consumers",): {"GET": _list_consumers, "POST": _add_consumer},
    ("requests",): {"GET": _list_requests},
}


def _addresses() -> list[str]:
    return [f"/{PREFIX}/{'/'.join(path)}" for path in _ACTIONS]
