"""Read phone numbers as people write them. A number that cannot be read completely is sent as typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from django.conf import settings

# Digits, separators, one pair of brackets. The library would silently drop an extension or other text.
# Possessive: two adjacent parts that share a text in every way would take quadratic time.
_PART = r"[\d ./-]*+"
_GRAMMAR = re.compile(rf"\(\+{_PART}\){_PART}|\+?{_PART}(\({_PART}\))?{_PART}", re.ASCII)
# Full-width forms. Compatibility mapping would also turn superscripts, such as footnote marks, into digits.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_DASHES = re.compile("[\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\u301c\u30fc]")
# Where a second number may begin: at a slash or bracket, or at a separator before at least six digits, each
# after at most nine separators: without a limit, a text of separators would take quadratic time.
_SECOND_NUMBER = re.compile(r"[/(]|[ .-](?=(?:[ ./()-]{0,9}\d){6})", re.ASCII)
_PARSED_CHARACTERS = 250
"""The library refuses a longer text."""


class PhoneFault(StrEnum):
    """Why a text cannot be read as a phone number."""

    CHARACTERS = "characters"
    SEVERAL = "several"
    DECIMAL = "decimal"
    AMBIGUOUS = "ambiguous"
    NOT_VALID_HERE = "not_valid_here"
    NOT_VALID = "not_valid"


@dataclass(frozen=True, slots=True, repr=False)
class PhoneReading:
    """The result of reading a phone number: ``e164`` and ``region``, or ``fault``.

    ``region``: the ISO 3166-1 alpha-2 code of the number's country, or ``001`` for an international number.
    For an invalid number it is the country whose numbering plan was applied, empty if unknown.
    """

    e164: str = ""
    region: str = ""
    fault: PhoneFault | None = None

    def __repr__(self) -> str:
        return "PhoneReading(<personal data>)"


def read(text: str) -> PhoneReading:
    """Read a phone number; a national number is read in the region of the setting ``PHONE_REGION``.

    The number must match the grammar and be valid in the numbering plan. A merely possible number is not
    accepted: a local number without its area code would become a different number. Nor is one that may have
    lost a plus sign or a zero in a spreadsheet, if the two readings differ.
    """
    plain = _plain(text)
    if not _GRAMMAR.fullmatch(plain) or not any(character.isdigit() for character in plain):
        return PhoneReading(fault=PhoneFault.CHARACTERS)
    if re.search(r"\.\s*0\s*$", plain):
        return PhoneReading(fault=PhoneFault.DECIMAL)
    if any(map(_parsed, _first_numbers(plain))):
        return PhoneReading(fault=PhoneFault.SEVERAL)
    whole, dot, decimals = plain.rpartition(".")
    if dot and decimals.strip() and _parsed(whole):
        return PhoneReading(fault=PhoneFault.DECIMAL)
    number = _parsed(plain)
    if number is not None:
        if _is_ambiguous(plain, number):
            return PhoneReading(region=settings.PHONE_REGION, fault=PhoneFault.AMBIGUOUS)
        return PhoneReading(_e164(number), phonenumbers.region_code_for_number(number) or "")
    if "+" in plain:
        return PhoneReading(region=_country_of_code(plain), fault=PhoneFault.NOT_VALID)
    return PhoneReading(region=settings.PHONE_REGION, fault=PhoneFault.NOT_VALID_HERE)


def split_numbers(text: str) -> list[str]:
    """The phone numbers that were pasted into one field."""
    return [part.strip() for part in re.split("[,;]", text) if part.strip()]


def e164(text: str) -> str | None:
    """The number in E.164, such as ``+353851234567``; None if it cannot be read."""
    return read(text).e164 or None


def _plain(text: str) -> str:
    """The text with full-width characters, dashes and blanks replaced by their ASCII forms."""
    return " ".join(_DASHES.sub("-", text.translate(_FULL_WIDTH)).split())


def _parsed(plain: str) -> phonenumbers.PhoneNumber | None:
    """The number if it is valid in its country's numbering plan, otherwise None."""
    try:
        number = phonenumbers.parse(plain, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _is_ambiguous(plain: str, number: phonenumbers.PhoneNumber) -> bool:
    """Whether the digits are also a valid number of another country once they have a plus sign.

    A text as the region writes its national numbers is not ambiguous, such as one with the leading zero.
    """
    if "+" in plain:
        return False
    digits = re.sub(r"\D", "", plain)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    if digits == re.sub(r"\D", "", national):
        return False
    other = _parsed(f"+{digits}")
    return other is not None and _e164(other) != _e164(number)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _first_numbers(plain: str) -> dict[str, None]:
    """What a text may have before a second number; each only once, whatever separators follow it."""
    found: dict[str, None] = {}
    for match in _SECOND_NUMBER.finditer(plain):
        if match.start() > _PARSED_CHARACTERS:
            break
        found[plain[: match.start()].rstrip(" ./()-")] = None
    return found


def _country_of_code(plain: str) -> str:
    """The country of a number's country code; empty if the code does not exist."""
    try:
        code = phonenumbers.parse(plain, None).country_code
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_country_code(code) if code else ""
    return "" if region in ("ZZ", "001") else region
