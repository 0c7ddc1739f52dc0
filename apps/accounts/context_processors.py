"""Template context of every page: the time left in the session."""

from __future__ import annotations

from django.http import HttpRequest

from apps.accounts.sign_in import sessions


def session(request: HttpRequest) -> dict[str, int]:
    """``session_seconds``: seconds without a request until the session ends. Empty if not signed in."""
    person = getattr(request, "user", None)  # missing if an earlier middleware refused the request
    if person is None or not person.is_authenticated:
        return {}
    return {"session_seconds": sessions.seconds_left(request)}
