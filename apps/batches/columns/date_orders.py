"""Day and month of dates that are written as numbers: what a text can mean, and what a column decides.

The portal never guesses the order. A text such as 13/04/1991 has one meaning and decides for its column;
03/04/1991 has two, and a person has to say which is meant if no text of the column decides.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT
from django.utils.translation import override

from apps.core import dates
from apps.core.text import similar_key, with_plain_blanks, without_invisible

DAY_MONTH: Final = "day-month"
MONTH_DAY: Final = "month-day"
ORDERS: Final = (DAY_MONTH, MONTH_DAY)
"""The orders of a choice, as the setting ``DATE_ORDER`` names them."""

# No name means different months in two of them. "Mar" is November in Finnish.
_LANGUAGES: Final = ("en", "cs", "da", "de", "es", "fr", "it", "nb", "nl", "pl", "pt", "sv", "tr")
# Czech and Polish names that are other months in Croatian: October, June and July. They are not read.
_OTHER_MONTHS_IN_CROATIAN: Final = frozenset({"listopad", "listopada", "lis", "lip", "srp"})
# Short names of spreadsheet programs that Django's lists of the same languages write in another way.
_SHORT_NAMES: Final = {
    "mrz": 3,  # German
    "janv": 1, "fevr": 2, "juil": 7,  # French
    "cvn": 6, "cvc": 7,  # Czech
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_FILLERS = re.compile(r"(?<=\d)(?:er|re|e)\b|\bden?\b|\bdel\b", re.IGNORECASE)
_JAPANESE = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-(\d\d)", re.ASCII)
_LAST_MONTH: Final = 12
_SHORT_YEAR = re.compile(r"(\d{1,2}[\s./-]+\d{1,2}[\s./-]+)(\d\d)\.?", re.ASCII)


class Meaning(StrEnum):
    """What a text says about the order of day and month."""

    NO_DATE = "no_date"  # in neither order
    EITHER = "either"  # the same day in both, such as 1991-03-07, 7 March 1991 and 03/03/1991
    DAY_MONTH = DAY_MONTH  # a date in this order only
    MONTH_DAY = MONTH_DAY
    AMBIGUOUS = "ambiguous"  # different days


@dataclass(frozen=True, slots=True)
class ColumnOrder:
    """What the texts of a column say. The numbers are those of the rows.

    ``order``: the order that the texts decide; empty if they do not, or contradict each other.
    """

    order: str = ""
    ambiguous: tuple[int, ...] = ()
    day_month: tuple[int, ...] = ()
    month_day: tuple[int, ...] = ()

    @property
    def is_contradictory(self) -> bool:
        """Whether some texts are dates in one order only, and others in the other order only."""
        return bool(self.day_month and self.month_day)

    @property
    def has_to_be_asked(self) -> bool:
        """Whether a person has to say the order."""
        return self.is_contradictory or bool(self.ambiguous and not self.order)


def read_in_order(text: str, order: str) -> dt.date | None:
    """The date that a text means in this order; None if it is not a date, or has a year of two digits."""
    text = _with_english_month(_JAPANESE.sub(r"\1-\2-\3", _visible(text)))
    with suppress(ValueError):
        return dates.read_date(text, month_first=order == MONTH_DAY)
    return None


def read_short_year(text: str, order: str) -> dt.date | None:
    """The date that a text with a year of two digits means in this order, in the years from 2000 to 2099.

    The century is not known: only day and month are meant. None for any other text.
    """
    found = _SHORT_YEAR.fullmatch(_visible(text))
    return read_in_order(f"{found[1]}20{found[2]}", order) if found else None


@lru_cache(maxsize=1)
def _english_months() -> dict[str, str]:
    """The English name of each month by its names and short names in :data:`_LANGUAGES`, if it is certain."""
    english: dict[int, str] = {}
    found: dict[str, str] = {}
    for language in _LANGUAGES:
        with override(language):
            for names in (MONTHS, MONTHS_ALT, MONTHS_3):
                for number, name in names.items():
                    if language == "en":
                        english.setdefault(number, str(name))
                    found.setdefault(similar_key(str(name)).rstrip("."), english[number])
    found |= {name: english[number] for name, number in _SHORT_NAMES.items()}
    return {name: month for name, month in found.items() if name not in _OTHER_MONTHS_IN_CROATIAN}


def _with_english_month(text: str) -> str:
    """A date such as ``7. März 1991`` with the English name of its month."""
    words = _WORD.findall(text)
    if not words:
        return text
    months = _english_months()
    named = [word for word in words if similar_key(word) in months]
    if len(named) != 1:
        return text
    return _FILLERS.sub("", text.replace(named[0], f" {months[similar_key(named[0])]} "))


def _visible(text: str) -> str:
    """The text as the form reads it: an invisible character must not hide a date from the portal."""
    return with_plain_blanks(without_invisible(text)).strip()


def meaning_of(text: str) -> Meaning:
    """What a text says about the order."""
    return _meaning(text, *(read_in_order(text, order) for order in ORDERS))


def _meaning(text: str, day_month: dt.date | None, month_day: dt.date | None) -> Meaning:
    if day_month == month_day:
        return Meaning.EITHER if day_month else Meaning.NO_DATE
    if day_month and month_day:
        return Meaning.AMBIGUOUS
    return Meaning.DAY_MONTH if day_month else Meaning.MONTH_DAY


def order_of(texts: Iterable[tuple[int, str]]) -> ColumnOrder:
    """What the texts of a column, each with the number of its row, say about the order.

    A date with a year of two digits counts, too: it has to be corrected, and is read in this order then.
    """
    found: dict[Meaning, list[int]] = {meaning: [] for meaning in Meaning}
    for number, text in texts:
        found[_meaning_with_short_year(text)].append(number)
    day_month, month_day = found[Meaning.DAY_MONTH], found[Meaning.MONTH_DAY]
    order = ""
    if bool(day_month) != bool(month_day):
        order = DAY_MONTH if day_month else MONTH_DAY
    return ColumnOrder(order, tuple(found[Meaning.AMBIGUOUS]), tuple(day_month), tuple(month_day))


def _meaning_with_short_year(text: str) -> Meaning:
    meaning = meaning_of(text)
    if meaning is not Meaning.NO_DATE:
        return meaning
    return _meaning(text, *(read_short_year(text, order) for order in ORDERS))


def possibly_exchanged(texts: Iterable[tuple[int, str]]) -> tuple[int, ...]:
    """The rows of dates of a spreadsheet that may have day and month exchanged, because others are texts.

    A program that expects month and day reads 03/04/1991 as 4 March, and leaves 13/04/1991 as a text. So it
    is suspicious if all dates have a day up to 12, and all texts are dates in one order only. The texts come
    with the numbers of their rows.
    """
    days, orders = {}, set()
    for number, text in texts:
        if found := _ISO.fullmatch(text.strip()):
            days[number] = int(found[1])
        elif text.strip():
            orders.add(_meaning_with_short_year(text))
    orders -= {Meaning.NO_DATE}
    one_order = len(orders) == 1 and orders <= {Meaning.DAY_MONTH, Meaning.MONTH_DAY}
    return tuple(days) if one_order and all(day <= _LAST_MONTH for day in days.values()) else ()
