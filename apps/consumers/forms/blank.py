"""The fields of the blank form as HTML, rendered once. Most pages of the form are blank."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.flat_values import values_of


def blank_fields(providers: tuple[str, ...]) -> SafeString:
    """The fields and lists of a blank entry, without its token, in the language of the page."""
    return _blank_fields(providers, get_language())


@lru_cache(maxsize=8)
def _blank_fields(providers: tuple[str, ...], _language: str | None) -> SafeString:
    entry = Entry.unbound(values_of("", None), providers)
    context = {"entry": entry, "required_fields": required_fields(), "order_pages": settings.CDP_ORDER_PAGES}
    return SafeString(render_to_string("consumers/entry_fields.html", context))


@receiver(setting_changed)
def _forget(**_signal: Any) -> None:
    """Only tests change settings of a running process."""
    _blank_fields.cache_clear()
