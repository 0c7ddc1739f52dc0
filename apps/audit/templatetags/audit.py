"""Template tags of the audit log's pages."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=64)  # a few outcomes, fifty times on a page
def event_outcome(shape: str, label: str) -> SafeString:
    """The outcome of an event: its icon and its label."""
    return SafeString(render_to_string("audit/log_outcome.html", {"shape": shape, "label": label}).strip())
