"""Keeps the secret part of one-time links out of the log lines. Named in the settings' LOGGING."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_LINK = re.compile(r"(/accounts/set-password/[^/\s]+/)[^/\s]+")


def hide_password_links(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """structlog processor: replaces the token of a link to set a password in every text of the line."""
    for key, value in event.items():
        if isinstance(value, str) and "/set-password/" in value:
            event[key] = _LINK.sub(r"\1…", value)
    return event
