"""Which request, and which connection, gets which fault."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from apps.sandbox.routes import CREATE

REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that waits for its requests: the next `times` of an operation, on one order or on any.

    A fault of connections waits for the next `times` connections, whatever is asked on them; `refuse` begins
    at once. `seconds` is the length of the fault's pause: None leaves it as the fault has it, and makes
    `refuse` last until it is cleared.
    """

    fault: str
    times: int = 1
    order: str = ""
    operation: str = CREATE
    seconds: float | None = None

    def meets(self, operation: str, ref: str) -> bool:
        """Whether a request to an operation, with the reference in its path, gets this fault."""
        return self.operation == operation and self.order.lower() in ("", ref.lower())


class Port(Protocol):
    """The listening socket, which can be closed for a while."""

    def refuse(self, seconds: float | None) -> None: ...
    def listen_again(self) -> None: ...


class FaultBoard:
    """An armed fault goes first, else a create gets the one that is bound to its order."""

    def __init__(
        self, bound: Mapping[str, str], *, of_requests: Collection[str], of_connections: Collection[str]
    ) -> None:
        """`bound` gives the fault of an order by the order's reference; the others name what can be armed."""
        self.port: Port | None = None
        self._bound = bound
        self._of_requests, self._of_connections = of_requests, of_connections
        self._armed: list[Armed] = []
        self._lock = threading.Lock()

    def arm(self, armed: Armed) -> None:
        """Arm a fault behind those that are armed already.

        Raises ValueError for one that does not exist or that this sandbox cannot have: only one with TLS can
        show a wrong certificate, only one that listens can stop listening.
        """
        if armed.fault not in self._of_requests and armed.fault not in self._of_connections:
            raise ValueError(f"fault: {armed.fault} is not one that this sandbox can have")
        if armed.fault != REFUSE:
            with self._lock:
                self._armed.append(armed)
        elif self.port is None:
            raise ValueError("fault: nobody listens who could refuse")
        else:
            self.port.refuse(armed.seconds)

    def clear(self) -> None:
        """Disarm all and listen again; the faults bound to orders stay."""
        with self._lock:
            self._armed.clear()
        if self.port is not None:
            self.port.listen_again()

    def armed(self) -> tuple[Armed, ...]:
        """What is armed, in the order of its use."""
        with self._lock:
            return tuple(self._armed)

    def take(self, operation: str, ref: str) -> Armed | None:
        """The fault that a request gets, if any; an armed one is used up once."""
        with self._lock:
            for position, armed in enumerate(self._armed):
                if armed.fault not in self._of_connections and armed.meets(operation, ref):
                    return self._use(position)
        bound = self._bound.get(ref.lower(), "") if operation == CREATE else ""
        return Armed(bound) if bound else None

    def take_for_connection(self) -> str:
        """The name of the fault that a new connection gets, empty for none; it is used up once."""
        with self._lock:
            for position, armed in enumerate(self._armed):
                if armed.fault in self._of_connections:
                    return self._use(position).fault
        return ""

    def _use(self, position: int) -> Armed:
        armed = self._armed[position]
        left = [replace(armed, times=armed.times - 1)] if armed.times > 1 else []
        self._armed[position : position + 1] = left
        return armed
