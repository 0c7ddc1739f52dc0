"""Template context of every page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext

REGIONS = {
    "api-engage-eu.sitecorecloud.io": "EU",
    "api-engage-us.sitecorecloud.io": "US",
    "api-engage-ap.sitecorecloud.io": "Asia-Pacific",
    "api-engage-jpe.sitecorecloud.io": "Japan",
}


def environment_label() -> str:
    """The label of the environment: practice, or production with the region of the configured host."""
    if settings.PRACTICE_MODE:
        return gettext("Practice – nothing reaches Sitecore CDP")
    host = urlsplit(settings.CDP_BASE_URL).hostname or ""
    return gettext("Production – Sitecore CDP %(region)s") % {"region": REGIONS.get(host, host)}


def portal(request: HttpRequest) -> dict[str, Any]:
    """The label of the environment, whether it is practice, and whether the order pages are turned on."""
    return {
        "environment_label": environment_label(),
        "is_practice": settings.PRACTICE_MODE,
        "order_pages": settings.CDP_ORDER_PAGES,
    }
