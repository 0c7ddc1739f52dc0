"""Tracebacks for the log with the class of each exception but without its text.

The text of an exception often quotes the value that caused it, which may be personal data.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType

CAUSE = "The above exception was the direct cause of the following one:"
CONTEXT = "While the above exception was handled, another one occurred:"


MOST_EXCEPTIONS = 20
"""How many exceptions of a chain are formatted, the newest ones. An endless recursion makes a thousand."""


def without_text(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> str:
    """Format a traceback as Python does, with the exception's class in place of its text. For structlog."""
    chain = [*_chain(exc_info[1])]
    omitted = len(chain) - MOST_EXCEPTIONS
    lines = [f"({omitted} earlier exceptions)"] if omitted > 0 else []
    for error in reversed(chain[:MOST_EXCEPTIONS]):
        if lines:
            lines += ["", CAUSE if error.__cause__ else CONTEXT, ""]
        frames = "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
        kind = type(error)
        lines += ["Traceback (most recent call last):", frames, f"{kind.__module__}.{kind.__qualname__}"]
    return "\n".join(lines)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, then its cause or context, and so on. A cycle ends before it repeats."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        hidden = error.__cause__ is None and error.__suppress_context__
        error = None if hidden else error.__cause__ or error.__context__
