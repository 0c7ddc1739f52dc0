"""The two kinds of faults: of one request, and of a whole connection."""

from dataclasses import dataclass
from typing import Literal

from sandbox.faults.damage import BuildScript
from sandbox.faults.script import Script

Outcome = Literal["not_sent", "rejected", "unknown", "created"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request.

    `description`: what the caller sees.
    `outcome`: what the caller of a create may conclude if its time-out is between 3 s and 120 s (SLOW_SECONDS
    and HOLD_SECONDS of the catalogue).
    `done`: whether the work is done.
    `uses_answer`: the script changes the real answer; a rejected request gets its rejection.
    `late`: the work is done after the pause.
    `seconds`: the length of the pause, 0 for none.
    `makes`: the number of consumers that one request creates if the work is done.
    """

    description: str
    outcome: Outcome
    script: BuildScript
    done: bool
    uses_answer: bool = False
    late: bool = False
    seconds: float = 0
    makes: int = 1


@dataclass(frozen=True, slots=True)
class ConnectionFault:
    """A fault of a whole connection, before its first request is read. No work is ever done.

    The outcome depends on the scheme. Over TLS it is always `not_sent`: no connection, or no handshake,
    succeeds, so no byte of a request is written. Over plain HTTP a caller cannot know which bytes arrived.
    `over_http`: None if the fault needs TLS. `certificate` replaces the good certificate.
    """

    description: str
    over_http: Outcome | None
    script: Script = ()
    certificate: str = ""

    def possible(self, tls: str) -> bool:
        """Whether a sandbox with this option `tls` can have the fault."""
        return bool(tls) or not self.certificate
