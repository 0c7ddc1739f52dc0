"""What the pages of the audit log show in many places."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=64)  # a few looks and words, fifty times on a page
def event_outcome(look: str, word: str) -> SafeString:
    """What came of an event, in a word and a shape."""
    return SafeString(render_to_string("audit/log_outcome.html", {"look": look, "word": word}).strip())
