"""URLs of the portal's pages of the vendor's records."""

from __future__ import annotations

from django.conf import settings
from django.urls import NoReverseMatch, reverse


def record_url(name: str, reference: str) -> str:
    """URL of the page ``name`` for this reference.

    Empty if there is no reference, if it does not fit into a URL, or if the order pages are turned off.
    """
    if not settings.CDP_ORDER_PAGES or not reference:
        return ""
    try:
        return reverse(name, args=[reference])
    except NoReverseMatch:
        return ""
