"""Remembers translations: a page looks up some two hundred texts, most of them in four catalogues."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import trans_real


def remember() -> None:
    """Let this process look up each text once. Call it once, after :func:`consumer_word.install`."""
    for catalogue in _catalogues():
        catalogue.gettext = lru_cache(maxsize=4096)(catalogue.gettext)  # the portal has two thousand texts


def forget() -> None:
    """Look every text up again, after a catalogue or the company's word has changed."""
    for catalogue in _catalogues():
        catalogue.gettext.cache_clear()


def _catalogues() -> list[Any]:
    return [trans_real.translation(language) for language, _name in settings.LANGUAGES]
