"""Reading a phone number as people write it."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings

# Anything else (letters, extensions) would be dropped by the reading, and nothing typed is dropped.
_PLAIN = re.compile(r"\+?[\d\s()./-]+", re.ASCII)


def e164(text: str) -> str | None:
    """The number in E.164, such as ``+353851234567``; None when it cannot be read as one.

    A national number is read in the region of the setting ``PHONE_REGION`` (ISO 3166-1 alpha-2).
    """
    if not _PLAIN.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    # A local number without its area code is possible too, but E.164 would make another number of it.
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
