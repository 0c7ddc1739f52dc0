"""Keeps what stands in addresses out of the log lines. Named in the settings' LOGGING."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from django.http import HttpRequest

_LINK = re.compile(r"(/accounts/set-password/[^/\s]+/)[^/\s]+")


def hide_addresses(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: takes the token of a link to set a password out of every text of the line.

    Django's lines about refused requests bring the request itself along and would tell its whole address,
    with what somebody typed into it: its method stays. The request log names the route, under the same id.
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
