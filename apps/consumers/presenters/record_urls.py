"""URLs of the portal's pages of the vendor's records."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse


def record_url(name: str, reference: str) -> str:
    """URL of the page ``name`` for this reference; empty if the reference is empty or has no page."""
    try:
        return reverse(name, args=[reference]) if reference else ""
    except NoReverseMatch:
        return ""
