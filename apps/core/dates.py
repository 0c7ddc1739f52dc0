"""Days: parsing them as people write them, and when they begin.

Ambiguous or impossible dates are errors, never guesses.
"""

from __future__ import annotations

import datetime
import re
from contextlib import nullcontext

from django.utils import timezone
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

SHORT_YEAR = _("Enter the year in four digits")

# The same formats as in static/js/date_reading.js, which shows the parsed date while the person types.
_GAP = r"[\s./-]"
_DAY = r"([0-9]{1,2})"
_ORDINAL = r"(?:st|nd|rd|th)?"
_WORD = r"([^\W\d_]+)"
# Two digits are matched too, so that they get their own error message.
_YEAR = r"([0-9]{4}|[0-9]{2})"
# Only midnight: any other time may belong to another day in another time zone.
_MIDNIGHT = r"(?:[Tt\s]\s*00:00(?::00(?:[.,]0+)?)?\s*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
_NUMBERS = re.compile(rf"{_DAY}{_GAP}+{_DAY}{_GAP}+{_YEAR}")
_ISO = re.compile(rf"([0-9]{{4}}){_GAP}+{_DAY}{_GAP}+{_DAY}{_MIDNIGHT}")
_DIGITS = re.compile(r"[0-9]{6}|[0-9]{8}")
_FIRST_YEAR = 1800  # of eight digits: nobody's date of birth is earlier
_DAY_WORD_YEAR = re.compile(rf"{_DAY}{_ORDINAL}{_GAP}*(?:of\s+)?{_WORD}\.?[\s,./-]*'?{_YEAR}", re.IGNORECASE)
_WORD_DAY_YEAR = re.compile(rf"{_WORD}\.?{_GAP}*{_DAY}{_ORDINAL}[\s,./-]+'?{_YEAR}", re.IGNORECASE)
_YEAR_WORD_DAY = re.compile(rf"([0-9]{{4}})[\s,./-]*{_WORD}\.?{_GAP}*{_DAY}{_ORDINAL}", re.IGNORECASE)

# Full-width forms, which input methods for East Asian scripts produce, and dashes used as a hyphen.
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord(dash): "-" for dash in "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{MINUS SIGN}"
}
_PLAIN[ord("\N{RIGHT SINGLE QUOTATION MARK}")] = "'"


class ShortYear(ValueError):
    """A date whose year has two digits, so that the century is not known."""


def read_date(text: str, *, month_first: bool = False) -> datetime.date:
    """Parse a date. Numbers alone are day, month, year, or month, day, year if ``month_first``.

    Eight digits in a row are parsed in that order or as year, month, day, with a year from 1800 on. A time
    after an ISO date is accepted only if it is midnight.

    Raises ``ValueError`` if the text is not a date of the calendar, such as 31 February, and its subclass
    :class:`ShortYear` if the year has two digits.
    """
    text = text.strip().translate(_PLAIN).removesuffix(".").rstrip()
    if match := _ISO.fullmatch(text):
        return _date(match[1], match[2], match[3])
    if match := _NUMBERS.fullmatch(text):
        return _in_order(*match.groups(), month_first=month_first)
    if _DIGITS.fullmatch(text):
        return _from_digits(text, month_first=month_first)
    if match := _DAY_WORD_YEAR.fullmatch(text):
        return _date(match[3], _month(match[2]), match[1])
    if match := _WORD_DAY_YEAR.fullmatch(text):
        return _date(match[3], _month(match[1]), match[2])
    if match := _YEAR_WORD_DAY.fullmatch(text):
        return _date(match[1], _month(match[2]), match[3])
    raise ValueError("not written as a date")


def midnight(day: datetime.date) -> datetime.datetime:
    """The beginning of a day in the reader's time zone."""
    return datetime.datetime.combine(day, datetime.time(), tzinfo=timezone.get_current_timezone())


def _in_order(first: str, second: str, year: str, *, month_first: bool) -> datetime.date:
    day, month = (second, first) if month_first else (first, second)
    return _date(year, month, day)


def _from_digits(text: str, *, month_first: bool) -> datetime.date:
    """Parse six digits (an error: no century) or eight, in the configured order or as year, month, day."""
    if len(text) < 8:
        raise ShortYear
    # If the last four digits are a year, its first two are no month: the first four are no year then.
    if int(text[4:]) >= _FIRST_YEAR:
        return _in_order(text[:2], text[2:4], text[4:], month_first=month_first)
    if int(text[:4]) >= _FIRST_YEAR:
        return _date(text[:4], text[4:6], text[6:])
    raise ValueError("no year from 1800 on")


def _date(year: str, month: int | str, day: str) -> datetime.date:
    if len(year) < 4:
        raise ShortYear
    return datetime.date(int(year), int(month), int(day))


def _month(word: str) -> int:
    """The number of a month from its name or short name, in English or in the language of the page."""
    word = word.lower()  # as in date_reading.js
    if word == "sept":
        return 9
    for language in (None, "en"):
        with override(language) if language else nullcontext():
            for number in range(1, 13):
                if word in (str(MONTHS[number]).lower(), str(MONTHS_3[number]).lower()):
                    return number
    raise ValueError("not the name of a month")
