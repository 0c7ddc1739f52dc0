"""Percentiles of samples, and Markdown tables."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass


def sizes(default: str) -> list[int]:
    """The comma-separated numbers of rows of ``BENCH_ROWS``, or of ``default`` if it is not set."""
    return sorted(int(rows) for rows in os.environ.get("BENCH_ROWS", default).split(","))


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that this share (0 to 1) of all does not exceed.

    Raises ``ValueError`` without values.
    """
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1]


@dataclass(frozen=True, slots=True)
class Samples:
    """The seconds of each request, the seconds of all together, and the memory of the workers (bytes).

    ``warm_ups``: how many requests came before.
    """

    seconds: tuple[float, ...]
    elapsed: float
    resident_bytes: int = 0
    warm_ups: int = 0

    @property
    def per_second(self) -> float:
        """Requests per second of wall time."""
        return len(self.seconds) / self.elapsed

    def milliseconds(self, share: float) -> float:
        """A percentile in milliseconds."""
        return percentile(self.seconds, share) * 1000


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column is left-aligned, the others right-aligned."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """A line about the machine and its load before the benchmark."""
    load = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()} on {os.cpu_count()} cores ({platform.machine()}),"
        f" load {load:.1f} at the start"
    )
