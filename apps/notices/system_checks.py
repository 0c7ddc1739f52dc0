"""System checks of the notices: an unknown cause in the settings prevents the start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from apps.notices import causes


def check_notice_causes(**kwargs: Any) -> list[CheckMessage]:
    """An error if NOTICE_CAUSES names a cause that does not exist."""
    unknown = sorted({*settings.NOTICE_CAUSES} - {one.code for one in causes.registered()})
    return [Error(f"NOTICE_CAUSES names {', '.join(unknown)}", id="notices.E001")] if unknown else []
