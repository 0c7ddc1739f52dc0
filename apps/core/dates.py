"""Reading a date as people write it. No date is ever guessed: what is not a date is an error."""

from __future__ import annotations

import datetime
import re
from contextlib import nullcontext

from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import override

# The shapes of static/js/dates.js, one for one: what the page echoes while typing is what is read here.
_NUMBERS = re.compile(r"([0-9]{1,2})[\s./-]+([0-9]{1,2})[\s./-]+([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})[\s./-]+([0-9]{1,2})[\s./-]+([0-9]{1,2})")
_DAY_WORD_YEAR = re.compile(r"([0-9]{1,2})[\s./-]*([^\W\d_]+)\.?[\s,./-]*([0-9]{4})")
_WORD_DAY_YEAR = re.compile(r"([^\W\d_]+)\.?[\s./-]*([0-9]{1,2})[\s,./-]+([0-9]{4})")


def read_date(text: str, *, month_first: bool = False) -> datetime.date:
    """The date that the text means; numbers alone are day, month, year unless ``month_first``.

    Raises ``ValueError`` when the text is no date of the calendar, such as 31 February. The year has
    four digits.
    """
    text = text.strip()
    if match := _ISO.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _NUMBERS.fullmatch(text):
        first, second, year = (int(part) for part in match.groups())
        day, month = (second, first) if month_first else (first, second)
    elif match := _DAY_WORD_YEAR.fullmatch(text):
        day, month, year = int(match[1]), _month(match[2]), int(match[3])
    elif match := _WORD_DAY_YEAR.fullmatch(text):
        day, month, year = int(match[2]), _month(match[1]), int(match[3])
    else:
        raise ValueError("not written as a date")
    return datetime.date(year, month, day)


def _month(word: str) -> int:
    """The number of a month's name, whole or its first three letters, in English or the page's language."""
    word = word.lower()  # as the script does
    for language in (None, "en"):
        with override(language) if language else nullcontext():
            for number in range(1, 13):
                if word in (str(MONTHS[number]).lower(), str(MONTHS_3[number]).lower()):
                    return number
    raise ValueError("not the name of a month")
