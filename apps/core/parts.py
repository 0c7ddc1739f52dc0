"""Values in parts, for queries and files that take only so many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

VALUES_AT_ONCE: Final = 500
"""Values per query: SQLite allows 999 parameters before version 3.32."""

_One = TypeVar("_One")


def in_parts(values: Sequence[_One], size: int) -> Iterator[Sequence[_One]]:
    """These values in their order, in parts of this size; the last may be smaller."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
