"""What the server does on the socket for one request: a short script of steps.

A normal answer is a script of one step. Whatever a fault does is a longer script, so that the server never
needs to know which faults there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apps.sandbox.answers import Answer


@dataclass(frozen=True, slots=True)
class Send:
    """Write a whole answer in one write."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Write:
    """Write bytes as they are, in one write. `status` is that of the answer they begin, if they begin one.

    `below_tls` puts them on the bare connection, under the encryption where there is any.
    """

    data: bytes
    status: int | None = None
    below_tls: bool = False


@dataclass(frozen=True, slots=True)
class Drip:
    """Write bytes one by one, with a pause of some seconds before each."""

    data: bytes
    seconds: float
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Await:
    """Read nothing, but wait until the client has sent something, at most for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection open and silent until the client goes, at most for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Later:
    """Find out only now how the script goes on."""

    script: Callable[[], Script]


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in the ordinary way."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with RST, as a machine that lost it does."""


Step = Send | Write | Drip | Wait | Await | Hold | Later | Close | Reset
Script = tuple[Step, ...]


def status_sent(script: Script) -> int | None:
    """The status of the answer in a script, None where it has none."""
    for step in script:
        if isinstance(step, Send):
            return step.answer.status
        if isinstance(step, Write | Drip) and step.status is not None:
            return step.status
    return None
