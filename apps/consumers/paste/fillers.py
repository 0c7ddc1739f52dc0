"""What people write into a cell that has to be filled but has no value, in lists and in pasted rows.

A text field of the form would send it.
"""

from __future__ import annotations

from typing import Final

from apps.core.text import same_key

_NOT_AVAILABLE: Final = "na"
_FILLERS: Final = frozenset(
    {_NOT_AVAILABLE, "n/a", "n.a.", "n.a", "tba", "tbc", "tbd", "-", "--", "?", "x", "xxx"}
)


def stands_for_no_value(text: str) -> bool:
    """Whether a text such as n/a stands for no value. As a nationality or country, NA may be Namibia."""
    return same_key(text) in _FILLERS


def may_be_not_available(text: str) -> bool:
    """Whether a text is Namibia's code, which also stands for "not available"."""
    return same_key(text) == _NOT_AVAILABLE
