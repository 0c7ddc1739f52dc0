"""Log processor that removes request paths and link tokens. Configured in the LOGGING setting."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from django.http import HttpRequest

_LINK = re.compile(r"(/accounts/set-password/[^/\s]+/)[^/\s]+")


def hide_addresses(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: remove the token of a password link from every text of the log entry.

    Django's entries about refused requests contain the request and its full path, including anything typed
    into it. Only the request's method is logged here; the request log has the route, under the same request
    id.
    """
    request = event.get("request")
    if isinstance(request, HttpRequest):
        event["request"] = request.method
        if isinstance(text := event.get("event"), str) and len(request.path) > 1:
            event["event"] = text.replace(request.path, "(address)")
    for key, value in event.items():
        if isinstance(value, str) and "/set-password/" in value:
            event[key] = _LINK.sub(r"\1…", value)
    return event
