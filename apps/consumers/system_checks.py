"""System checks of the form's settings: an invalid value prevents the start."""

from __future__ import annotations

from typing import Any

import phonenumbers
from django.conf import settings
from django.core.checks import CheckMessage, Error

from apps.cdp.fields import NAMES
from apps.core import consumer_word


def check_form_settings(**kwargs: Any) -> list[CheckMessage]:
    """Errors for DATE_ORDER, PHONE_REGION, REQUIRED_FIELDS and ORDER_CONSUMER_WORD."""
    found: list[CheckMessage] = []
    if settings.DATE_ORDER not in ("day-month", "month-day"):
        found.append(Error("DATE_ORDER is neither day-month nor month-day", id="consumers.E001"))
    if settings.PHONE_REGION not in phonenumbers.SUPPORTED_REGIONS:
        found.append(Error("PHONE_REGION is no region such as IE or GB", id="consumers.E002"))
    if unknown := sorted(set(settings.REQUIRED_FIELDS) - set(NAMES)):
        found.append(Error(f"REQUIRED_FIELDS names {', '.join(unknown)}", id="consumers.E003"))
    if settings.ORDER_CONSUMER_WORD not in (words := [consumer_word.DEFAULT, *consumer_word.WORDS]):
        found.append(Error(f"ORDER_CONSUMER_WORD is none of {', '.join(words)}", id="consumers.E005"))
    return found
