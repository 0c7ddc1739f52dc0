"""Tracebacks for the log with the class of each exception but without its text.

The text of an exception often quotes the value that caused it, which may be personal data.
"""

from __future__ import annotations

import traceback
from types import TracebackType

CAUSE = "The above exception was the direct cause of the following one:"
CONTEXT = "While the above exception was handled, another one occurred:"


def without_text(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> str:
    """Format a traceback as Python does, with the exception's class in place of its text. For structlog."""
    return "\n".join(_lines(exc_info[1], seen=set()))


def _lines(error: BaseException, seen: set[int]) -> list[str]:
    """The lines of an exception, after those of its cause or context. ``seen`` ends cycles."""
    seen.add(id(error))
    before: list[str] = []
    hidden = error.__cause__ is None and error.__suppress_context__
    earlier = None if hidden else error.__cause__ or error.__context__
    if earlier is not None and id(earlier) not in seen:
        before = [*_lines(earlier, seen), "", CAUSE if error.__cause__ else CONTEXT, ""]
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    kind = type(error)
    return [*before, "Traceback (most recent call last):", frames, f"{kind.__module__}.{kind.__qualname__}"]
