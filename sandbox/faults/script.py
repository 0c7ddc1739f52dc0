"""Scripts: the steps that the server takes on the socket for one request.

A normal answer is a script of one step. A fault is a longer script, so the server does not know any fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.api.answers import Answer


@dataclass(frozen=True, slots=True)
class Send:
    """Send a whole answer in one write."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Write:
    """Send raw bytes in one write. `status` is the status of the answer that they begin, if any.

    `below_tls` sends them without encryption on a TLS connection.
    """

    data: bytes
    status: int | None = None
    below_tls: bool = False


@dataclass(frozen=True, slots=True)
class Drip:
    """Send bytes one by one, with a pause of `seconds` before each."""

    data: bytes
    seconds: float
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitForData:
    """Wait until the client has sent data, at most for `seconds`. Reads nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection open without sending until the client closes it, at most for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Deferred:
    """Build the rest of the script when this step is reached."""

    script: Callable[[], Script]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection normally."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Close the connection with RST."""


Step = Send | Write | Drip | Wait | WaitForData | Hold | Deferred | Close | Reset
Script = tuple[Step, ...]


def status_sent(script: Script) -> int | None:
    """The status of the answer in a script, or None if it has no answer."""
    for step in script:
        if isinstance(step, Send):
            return step.answer.status
        if isinstance(step, Write | Drip) and step.status is not None:
            return step.status
    return None
