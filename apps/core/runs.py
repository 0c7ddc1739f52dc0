"""Runs of numbers: the first and the last of successive ones, as events name rows and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Run = tuple[int, int]
"""The first and the last number, both included."""


def runs_of(numbers: Sequence[int], *, gap: int = 1, widest: int = 0) -> list[Run]:
    """The runs of ascending numbers with at most this difference from one to the next.

    ``widest``: maximum number from the first to the last; 0 for any.
    """
    runs: list[Run] = []
    for one in numbers:
        if runs and one - runs[-1][1] <= gap and not (widest and one - runs[-1][0] >= widest):
            runs[-1] = (runs[-1][0], one)
        else:
            runs.append((one, one))
    return runs


def run_text(first: int, last: int) -> str:
    """A run as text: "7", or "9-12"."""
    return str(first) if first == last else f"{first}-{last}"


def read_runs(texts: Iterable[str]) -> list[Run]:
    """The runs of texts from :func:`run_text`.

    Raises ``ValueError`` for another text; its message is that text.
    """
    runs = []
    for text in texts:
        first, _dash, last = text.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) < int(first):
            raise ValueError(text)
        runs.append((int(first), int(last or first)))
    return runs
