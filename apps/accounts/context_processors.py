"""What every page of a signed-in person knows of their session."""

from __future__ import annotations

from django.http import HttpRequest

from apps.accounts import sessions


def session(request: HttpRequest) -> dict[str, int]:
    """``session_seconds``: after how many seconds without a request the session ends. Nothing for nobody."""
    person = getattr(request, "user", None)  # not there when an earlier middleware refused
    if person is None or not person.is_authenticated:
        return {}
    return {"session_seconds": sessions.seconds_left(request)}
