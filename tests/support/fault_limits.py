"""The time limits of a client that meets one of the sandbox's faults."""

from __future__ import annotations

from typing import TypedDict


class Limits(TypedDict):
    """Seconds to connect, to wait for bytes, and for the whole call."""

    connect: float
    read: float
    total: float


def limits_for(fault: str) -> Limits:
    """Limits that a busy machine keeps; a fault that only a limit ends gets a short one of that kind."""
    limits = Limits(connect=10.0, read=10.0, total=20.0)
    if fault == "hang_on_accept":
        limits["connect"] = limits["read"] = 0.3
    elif fault.startswith("no_answer"):
        limits["read"] = 0.3
    elif fault.startswith("drip"):
        limits["total"] = 1.2
    return limits
