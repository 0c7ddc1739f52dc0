"""Reading a date as people write it. No date is ever guessed: what is not a date is an error."""

from __future__ import annotations

import datetime
import re
from contextlib import nullcontext, suppress

from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

SHORT_YEAR = _("Enter the year in four digits")

# The shapes of static/js/dates.js, one for one: what the page echoes while typing is what is read here.
_GAP = r"[\s./-]"
_DAY = r"([0-9]{1,2})"
_ORDINAL = r"(?:st|nd|rd|th)?"
_WORD = r"([^\W\d_]+)"
# With a year in four digits, or in two, which is an error of its own.
_YEAR = r"([0-9]{4}|[0-9]{2})"
# Only midnight: any other time of a zone may be the evening before the day that was meant.
_MIDNIGHT = r"(?:[Tt\s]\s*00:00(?::00(?:[.,]0+)?)?\s*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
_NUMBERS = re.compile(rf"{_DAY}{_GAP}+{_DAY}{_GAP}+{_YEAR}")
_ISO = re.compile(rf"([0-9]{{4}}){_GAP}+{_DAY}{_GAP}+{_DAY}{_MIDNIGHT}")
_DIGITS = re.compile(r"[0-9]{6}|[0-9]{8}")
_DAY_WORD_YEAR = re.compile(rf"{_DAY}{_ORDINAL}{_GAP}*(?:of\s+)?{_WORD}\.?[\s,./-]*'?{_YEAR}", re.IGNORECASE)
_WORD_DAY_YEAR = re.compile(rf"{_WORD}\.?{_GAP}*{_DAY}{_ORDINAL}[\s,./-]+'?{_YEAR}", re.IGNORECASE)
_YEAR_WORD_DAY = re.compile(rf"([0-9]{{4}})[\s,./-]*{_WORD}\.?{_GAP}*{_DAY}{_ORDINAL}", re.IGNORECASE)

# Full-width forms, as an input method for East Asian scripts writes them, and dashes that stand for a hyphen.
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord(dash): "-" for dash in "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{MINUS SIGN}"
}
_PLAIN[ord("\N{RIGHT SINGLE QUOTATION MARK}")] = "'"


class ShortYear(ValueError):
    """A date whose year has two digits: which century is meant is not ours to guess."""


def read_date(text: str, *, month_first: bool = False) -> datetime.date:
    """The date that the text means; numbers alone are day, month, year unless ``month_first``.

    Eight digits in a row are read in that order, or as year, month, day; refused where both are dates.
    A time behind an ISO date is read only if it is midnight.

    Raises ``ValueError`` when the text is no date of the calendar, such as 31 February, and its subclass
    :class:`ShortYear` when the year has two digits.
    """
    text = re.sub(r"\s*\.$", "", text.strip().translate(_PLAIN))
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


def _in_order(first: str, second: str, year: str, *, month_first: bool) -> datetime.date:
    day, month = (second, first) if month_first else (first, second)
    return _date(year, month, day)


def _from_digits(text: str, *, month_first: bool) -> datetime.date:
    """Six digits lack the century; eight are read in the order of the house, or as year, month, day."""
    if len(text) < 8:
        raise ShortYear
    readings = []
    with suppress(ValueError):
        readings.append(_in_order(text[:2], text[2:4], text[4:], month_first=month_first))
    with suppress(ValueError):
        readings.append(_date(text[:4], text[4:6], text[6:]))
    if len(readings) != 1:
        raise ValueError("no date, or one of two")
    return readings[0]


def _date(year: str, month: int | str, day: str) -> datetime.date:
    if len(year) < 4:
        raise ShortYear
    return datetime.date(int(year), int(month), int(day))


def _month(word: str) -> int:
    """The number of a month's name, whole or its first three letters, in English or the page's language."""
    word = word.lower()  # as the script does
    if word == "sept":
        return 9
    for language in (None, "en"):
        with override(language) if language else nullcontext():
            for number in range(1, 13):
                if word in (str(MONTHS[number]).lower(), str(MONTHS_3[number]).lower()):
                    return number
    raise ValueError("not the name of a month")
