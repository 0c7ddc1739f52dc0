"""The armed faults, and which of them a request or a connection gets."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sandbox.api.routes import CREATE

REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault for the next `times` requests of an operation, on one order or on any order.

    A connection fault applies to the next `times` connections, whatever they request; `refuse` begins at
    once. `seconds` is the length of the fault's pause. None means the fault's own length; `refuse` then lasts
    until it is cleared.
    """

    fault: str
    times: int = 1
    order: str = ""
    operation: str = CREATE
    seconds: float | None = None

    def applies_to(self, operation: str, ref: str) -> bool:
        """Whether this fault applies to a request with this operation and this reference in its path."""
        return self.operation == operation and self.order.lower() in ("", ref.lower())


class Port(Protocol):
    """A listening socket that can be closed for some time."""

    def refuse(self, seconds: float | None) -> None: ...
    def listen_again(self) -> None: ...


class ArmedFaults:
    """The armed faults. If none applies, a create gets the fault that is bound to its order."""

    def __init__(
        self, bound: Mapping[str, str], *, request_faults: Collection[str], connection_faults: Collection[str]
    ) -> None:
        """`bound` maps order references to faults; the others name the faults that can be armed."""
        self.port: Port | None = None
        self._bound = bound
        self._request_faults, self._connection_faults = request_faults, connection_faults
        self._armed: list[Armed] = []
        self._lock = threading.Lock()

    def arm(self, armed: Armed) -> None:
        """Add a fault after those that are armed already.

        Raises ValueError for an unknown fault and for one that this sandbox cannot have: a wrong certificate
        needs TLS, and `refuse` needs a listening socket.
        """
        if armed.fault not in self._request_faults and armed.fault not in self._connection_faults:
            raise ValueError(f"fault: this sandbox cannot have {armed.fault}")
        if armed.fault != REFUSE:
            with self._lock:
                self._armed.append(armed)
        elif self.port is None:
            raise ValueError("fault: no listening socket that could refuse")
        else:
            self.port.refuse(armed.seconds)

    def clear(self) -> None:
        """Remove all armed faults and listen again. The faults that are bound to orders stay."""
        with self._lock:
            self._armed.clear()
        if self.port is not None:
            self.port.listen_again()

    def armed(self) -> tuple[Armed, ...]:
        """The armed faults in the order of their use."""
        with self._lock:
            return tuple(self._armed)

    def take(self, operation: str, ref: str) -> Armed | None:
        """The fault for a request, or None. Uses up one time of an armed fault."""
        with self._lock:
            for position, armed in enumerate(self._armed):
                if armed.fault not in self._connection_faults and armed.applies_to(operation, ref):
                    return self._use(position)
        bound = self._bound.get(ref.lower(), "") if operation == CREATE else ""
        return Armed(bound) if bound else None

    def take_for_connection(self) -> str:
        """The name of the fault for a new connection, or an empty text. Uses up one time of it."""
        with self._lock:
            for position, armed in enumerate(self._armed):
                if armed.fault in self._connection_faults:
                    return self._use(position).fault
        return ""

    def _use(self, position: int) -> Armed:
        armed = self._armed[position]
        left = [replace(armed, times=armed.times - 1)] if armed.times > 1 else []
        self._armed[position : position + 1] = left
        return armed
