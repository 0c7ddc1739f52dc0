"""Requests that a page's script sends, perhaps without a reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def background(view: View) -> View:
    """Mark a view that answers a script.

    The middleware does not restart the idle time for it; ``extend_session`` does so itself. Without a session
    it answers 401 instead of leading to the sign-in page, and leaves no message there.
    """
    view.is_background = True  # type: ignore[attr-defined]  # read by is_background
    return view


def is_background(view: Callable[..., Any]) -> bool:
    """Whether a view is marked with :func:`background`."""
    return bool(getattr(view, "is_background", False))
