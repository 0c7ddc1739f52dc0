"""Read one cell of a spreadsheet as the value of a field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language

from apps.consumers import emails, phones, value_lists
from apps.consumers.paste.fillers import may_be_not_available, stands_for_no_value
from apps.consumers.paste.gender_words import gender_of_word
from apps.consumers.paste.nationalities import country_of_code, demonyms_of_code
from apps.consumers.paste.shortened import SHORTENED_NUMBER
from apps.core import clock, dates
from apps.core.text import similar_key

SHOWN_DATE = "j F Y"  # as the form shows a date of birth
_COUNTRIES = frozenset({"nationality", "country"})
_WITHOUT_FILLERS = frozenset({"nationality", "passport_number", "identifier_id", "identifier"})
_BREAK = re.compile("[\t\r\n\u2028\u2029]+")
_TWO_ORDERS = re.compile(r"(\d{1,2})\D+(\d{1,2})\D+\d{4}", re.ASCII)
_LAST_MONTH = 12
_GENDERS = {"m": "male", "f": "female"}
FATHER = "Fr"
"""The vendor's title for a father. In some languages it is short for a title of a woman."""


class Problem(StrEnum):
    """Why a value cannot be filled in."""

    NO_FIELD = "no_field"
    COLUMN_REPEATED = "column_repeated"
    NO_ROOM = "no_room"
    LINE_BREAK = "line_break"
    SHORTENED = "shortened"  # 3.53871E+11: the spreadsheet shows only some of the digits
    NOT_A_TITLE = "not_a_title"
    NOT_A_GENDER = "not_a_gender"
    NOT_A_DATE = "not_a_date"
    SHORT_YEAR = "short_year"
    NOT_PAST = "not_past"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_A_COUNTRY = "not_a_country"
    NOT_AVAILABLE = "not_available"  # NA as a nationality or a country
    NO_VALUE = "no_value"  # n/a
    CHECK_DIGIT = "check_digit"
    CHARACTERS = "characters"
    PARTLY_UNKNOWN = "partly_unknown"
    NO_DEMONYM = "no_demonym"
    NOT_SPECIFIED = "not_specified"
    VISA_NUMBER = "visa_number"
    NOT_RESIDENCE = "not_residence"


class Note(StrEnum):
    """What the person has to compare before a value is used."""

    NAME = "name"  # from an MRZ
    NAME_MAY_BE_CUT = "name_may_be_cut"
    NO_CHECK_DIGIT = "no_check_digit"
    COMPOSITE = "composite"  # the check digit over several parts does not hold
    CENTURY = "century"
    LOOKALIKES = "lookalikes"  # G and 6, L and 1 have the same check digit
    FILLER_INSIDE = "filler_inside"
    NOT_A_PASSPORT = "not_a_passport"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"
    FROM_CODE = "from_code"


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """The values of a cell, several that exclude each other (``choices``), or the problem."""

    values: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    problem: Problem | None = None


def read_cell(text: str, field: str, *, month_first: bool | None = None) -> Reading:
    """Read a cell that is not blank as a value of this field of the form. Texts stay as they are.

    A value that the form could not show or would read differently is a problem; other errors are the form's.
    ``month_first``: the order of day and month that the header names; None for the setting ``DATE_ORDER``.
    """
    text = text.strip()
    if field in ("emails", "phone_numbers"):
        return _list_reading(_BREAK.sub(", ", text), field)
    if _BREAK.search(text):
        return Reading(problem=Problem.LINE_BREAK)  # an input on a page removes line breaks silently
    if field in _COUNTRIES and may_be_not_available(text):
        return Reading(problem=Problem.NOT_AVAILABLE)
    if field.partition(":")[0] in _WITHOUT_FILLERS and stands_for_no_value(text):
        return Reading(problem=Problem.NO_VALUE)
    readers = {
        "title": lambda: _chosen(title_of(text), Problem.NOT_A_TITLE),
        "gender": lambda: _chosen(gender_of(text), Problem.NOT_A_GENDER),
        "country": lambda: _chosen(country_of(text), Problem.NOT_A_COUNTRY),
        "date_of_birth": lambda: _date_reading(text, month_first=month_first),
        "nationality": lambda: _nationality_reading(text),
    }
    if field in readers:
        return readers[field]()
    return Reading(problem=Problem.SHORTENED) if SHORTENED_NUMBER.fullmatch(text) else Reading((text,))


def title_of(text: str) -> str:
    """The title on offer that the text names, with or without a dot; empty if there is none."""
    wanted = text.rstrip(".").casefold()
    return next((value for value, _label in value_lists.title_choices() if value.casefold() == wanted), "")


def gender_of(text: str) -> str:
    """``male``, ``female`` or ``unknown``, from the value, its label, M and F, or a word of a language.

    Empty for any other text.
    """
    key = text.casefold()
    known = {str(label).casefold(): value for value, label in value_lists.GENDERS if value}
    known |= {value: value for value, _label in value_lists.GENDERS if value}
    return (known | _GENDERS).get(key) or gender_of_word(text)


def country_of(text: str) -> str:
    """The alpha-2 code of a country, from its code, its name or a common name; empty for any other text."""
    return country_of_code(text) or _codes_by_name(get_language()).get(similar_key(text), "")


@lru_cache(maxsize=8)
def _codes_by_name(_language: str | None) -> dict[str, str]:
    names = {similar_key(label): code for code, label in value_lists.country_choices() if code}
    return names | {similar_key(str(alias)): code for alias, code in value_lists.COUNTRY_ALIASES}


def _chosen(value: str, problem: Problem) -> Reading:
    return Reading((value,)) if value else Reading(problem=problem)


def _list_reading(text: str, field: str) -> Reading:
    if field == "emails":
        addresses = emails.split_addresses(text)
        if not addresses or not all(map(emails.is_address, addresses)):
            return Reading(problem=Problem.NOT_AN_ADDRESS)
        return Reading(addresses)
    numbers = tuple(phones.split_numbers(text))
    if any(map(SHORTENED_NUMBER.fullmatch, (text, *numbers))):  # the comma may be that of decimals
        return Reading(problem=Problem.SHORTENED)
    return Reading(numbers)


def _date_reading(text: str, *, month_first: bool | None) -> Reading:
    if month_first is None:
        month_first = settings.DATE_ORDER == "month-day"
    try:
        date = dates.read_date(text, month_first=month_first)
    except dates.ShortYear:
        return Reading(problem=Problem.SHORT_YEAR)
    except ValueError:
        return Reading(problem=Problem.NOT_A_DATE)
    if date >= clock.now().date():
        return Reading(problem=Problem.NOT_PAST)
    notes: tuple[Note, ...] = ()
    numbers = _TWO_ORDERS.fullmatch(text)
    if (
        numbers
        and int(numbers[1]) != int(numbers[2])
        and max(int(numbers[1]), int(numbers[2])) <= _LAST_MONTH
    ):
        notes = (Note.MONTH_FIRST if month_first else Note.DAY_FIRST,)
    return Reading((date_format(date, SHOWN_DATE),), notes=notes)


def _nationality_reading(text: str) -> Reading:
    found = demonyms_of_code(text) if text.isupper() else ()
    if not found:
        return Reading((text,))
    values, choices = (found, ()) if len(found) == 1 else ((), found)
    return Reading(values, choices, (Note.FROM_CODE,))
