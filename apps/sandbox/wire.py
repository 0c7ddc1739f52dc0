"""What the server does on the socket for one request: a short script of steps.

A normal answer is a script of one step. Whatever a fault does is a longer script, so that the server never
needs to know which faults there are.
"""

from dataclasses import dataclass

from apps.sandbox.answers import Answer


@dataclass(frozen=True, slots=True)
class Send:
    """Write a whole answer in one write."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection open and silent until the client goes, at most for a number of seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in the ordinary way."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with RST, as a machine that lost it does."""


Step = Send | Wait | Hold | Close | Reset
Script = tuple[Step, ...]


def status_sent(script: Script) -> int | None:
    """The status of the answer in a script, None where it has none."""
    return next((step.answer.status for step in script if isinstance(step, Send)), None)
