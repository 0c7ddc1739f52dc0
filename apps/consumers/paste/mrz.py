"""Read the fields of a machine-readable zone: ICAO Doc 9303, eighth edition, parts 3 to 7.

Each value comes with the reason for which it cannot be used, if there is one. Nothing is corrected: a letter
in a date is a fault, and so is every wrong check digit.
"""

from __future__ import annotations

import datetime
import re
import string
from dataclasses import dataclass, replace
from enum import StrEnum

from apps.consumers.paste.mrz_lines import FILLER, Format, MrzLines, find_lines

_VALUES = {character: value for value, character in enumerate(string.digits + string.ascii_uppercase)}
_VALUES[FILLER] = 0
_WEIGHTS = (7, 3, 1)
_OLDEST = 110  # years; an earlier century of birth is not plausible
_LONGEST_VALID = 50  # years; an expiry date further ahead belongs to the last century


class PartFault(StrEnum):
    """Why a part of an MRZ cannot be used."""

    CHECK_DIGIT = "check_digit"
    COMPOSITE = "composite"  # its own check digit is right or absent, the one over several parts is wrong
    CHARACTERS = "characters"
    PARTLY_UNKNOWN = "partly_unknown"  # Doc 9303-3, 4.8: fillers for an unknown day, month or year
    NOT_A_DATE = "not_a_date"


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """The text of one part, without fillers around it, and its fault."""

    text: str
    fault: PartFault | None = None


@dataclass(frozen=True, slots=True, repr=False)
class DatePart:
    """A date. ``date`` is None if it has a fault other than the composite check digit.

    ``other_century``: the same day a century earlier, if that is plausible as well.
    """

    text: str
    date: datetime.date | None = None
    fault: PartFault | None = None
    other_century: datetime.date | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Mrz:
    """What an MRZ says. Names, nationality, sex, issuer and document code have no check digit of their own.

    The composite check digit covers number, dates and optional data; visas have none (``composite`` is None).
    """

    format: Format
    document_code: str
    issuer: Part
    number: Part
    last_name: Part
    """The primary identifier."""
    first_name: Part
    """The secondary identifier; empty if the document has none."""
    names_fill_their_field: bool
    """There is no filler at the end of the names, so they may have been cut."""
    nationality: Part
    sex: Part
    """``M``, ``F``, or empty if it is not specified."""
    date_of_birth: DatePart
    expiry: DatePart
    optional: tuple[Part, ...]
    composite: bool | None

    @property
    def is_passport(self) -> bool:
        """Whether the document is a passport: document code P, or IP (passport card)."""
        return self.document_code.startswith("P") or self.document_code == "IP"


def check_digit(text: str) -> str:
    """The check digit of a text (Doc 9303-3, 4.9): weights 7, 3, 1, modulo 10.

    Raises ``KeyError`` for a character that does not occur in an MRZ.
    """
    return str(sum(_VALUES[one] * _WEIGHTS[index % 3] for index, one in enumerate(text)) % 10)


def read_mrz(text: str, *, today: datetime.date) -> Mrz | None:
    """Read a text that consists of an MRZ; None if it does not look like one.

    ``today`` decides centuries: nobody was born in the future. Raises
    :class:`apps.consumers.paste.mrz_lines.NotReadable`.
    """
    found = find_lines(text)
    return None if found is None else _mrz(found, today)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the parts are, as (line, start, end). A part with a check digit is followed by it."""

    names: tuple[int, int, int]
    number: tuple[int, int, int]
    nationality: tuple[int, int, int]
    birth: tuple[int, int, int]
    sex: tuple[int, int, int]
    expiry: tuple[int, int, int]
    optional: tuple[tuple[int, int, int], ...]
    composite: tuple[tuple[int, int, int], ...] = ()
    long_numbers: bool = False  # the number may continue in the first optional data
    optional_has_check_digit: bool = False


# The formats of two lines differ in their optional data and in what the composite check digit covers.
_TD2 = _Layout(
    names=(0, 5, 36),
    number=(1, 0, 9),
    nationality=(1, 10, 13),
    birth=(1, 13, 19),
    sex=(1, 20, 21),
    expiry=(1, 21, 27),
    optional=((1, 28, 35),),
    composite=((1, 0, 10), (1, 13, 20), (1, 21, 35)),
    long_numbers=True,
)
_TD3 = replace(
    _TD2,
    names=(0, 5, 44),
    optional=((1, 28, 42),),
    composite=((1, 0, 10), (1, 13, 20), (1, 21, 43)),
    long_numbers=False,
    optional_has_check_digit=True,
)
_LAYOUTS = {
    Format.TD1: _Layout(
        names=(2, 0, 30),
        number=(0, 5, 14),
        nationality=(1, 15, 18),
        birth=(1, 0, 6),
        sex=(1, 7, 8),
        expiry=(1, 8, 14),
        optional=((0, 15, 30), (1, 18, 29)),
        composite=((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
        long_numbers=True,
    ),
    Format.TD2: _TD2,
    Format.TD3: _TD3,
    Format.MRV_A: replace(_TD3, optional=((1, 28, 44),), composite=(), optional_has_check_digit=False),
    Format.MRV_B: replace(_TD2, optional=((1, 28, 36),), composite=(), long_numbers=False),
}


def _mrz(found: MrzLines, today: datetime.date) -> Mrz:
    layout, lines = _LAYOUTS[found.format], found.lines

    def at(span: tuple[int, int, int]) -> str:
        line, start, end = span
        return lines[line][start:end]

    def digit_after(span: tuple[int, int, int]) -> str:
        line, _start, end = span
        return lines[line][end]

    composite: bool | None = None
    if layout.composite:
        composite = check_digit("".join(map(at, layout.composite))) == lines[1][-1]
    covered = PartFault.COMPOSITE if composite is False else None
    first_optional = at(layout.optional[0])
    number, rest = _number(
        at(layout.number), digit_after(layout.number), first_optional if layout.long_numbers else ""
    )
    optional = [rest if layout.long_numbers and rest is not None else first_optional]
    optional += [at(span) for span in layout.optional[1:]]
    optional_fault = covered
    if layout.optional_has_check_digit and not _optional_holds(
        first_optional, digit_after(layout.optional[0])
    ):
        optional_fault = PartFault.CHECK_DIGIT
    birth, expiry = at(layout.birth), at(layout.expiry)
    names = at(layout.names)
    last_name, _separator, first_name = names.partition(FILLER * 2)
    return Mrz(
        format=found.format,
        document_code=lines[0][:2].rstrip(FILLER),
        issuer=_letters(lines[0][2:5]),
        number=number if number.fault else Part(number.text, covered),
        last_name=_name(last_name),
        first_name=_name(first_name),
        names_fill_their_field=not names.endswith(FILLER),
        nationality=_letters(at(layout.nationality)),
        sex=_sex(at(layout.sex)),
        date_of_birth=_birth(birth, digit_after(layout.birth), covered, today),
        expiry=_expiry(expiry, digit_after(layout.expiry), covered, today),
        optional=tuple(Part(_plain(text), optional_fault) for text in optional if text.strip(FILLER)),
        composite=composite,
    )


def _number(text: str, digit: str, optional: str) -> tuple[Part, str | None]:
    """The document number, and what remains of the optional data if the number continues there.

    Doc 9303-5, 4.2.2, note j, and 9303-6, note j: a number of more than nine characters has a filler in the
    place of its check digit; the rest of it and the check digit, which covers all of it, follow in the
    optional data up to the first filler.
    """
    if digit != FILLER:
        fault = None if text.strip(FILLER) and check_digit(text) == digit else PartFault.CHECK_DIGIT
        return Part(_plain(text), fault), None
    rest, _filler, remaining = optional.partition(FILLER)
    if len(rest) < 2 or FILLER in text or check_digit(text + rest[:-1]) != rest[-1]:
        return Part(_plain(text), PartFault.CHECK_DIGIT), None
    return Part(text + rest[:-1]), remaining


def _optional_holds(text: str, digit: str) -> bool:
    """Doc 9303-4, 4.2.2: the check digit of empty optional data is 0 or a filler."""
    return check_digit(text) == digit or (digit == FILLER and not text.strip(FILLER))


def _plain(text: str) -> str:
    return re.sub(f"{FILLER}+", " ", text.strip(FILLER))


def _name(text: str) -> Part:
    return Part(_plain(text), PartFault.CHARACTERS if re.search("[0-9]", text) else None)


def _letters(text: str) -> Part:
    """A code of one to three letters, such as ``IRL`` or ``D``."""
    return Part(_plain(text), None if re.fullmatch("(?=[A-Z])[A-Z]*<*", text) else PartFault.CHARACTERS)


def _sex(text: str) -> Part:
    """Doc 9303-4, 4.2.2: a filler if it is not specified. Some issuers write X, as in the visual zone."""
    if text in ("M", "F"):
        return Part(text)
    return Part("") if text in (FILLER, "X") else Part(text, PartFault.CHARACTERS)


def _date_fault(text: str, digit: str) -> PartFault | None:
    if not re.fullmatch("[0-9<]{6}", text):
        return PartFault.CHARACTERS
    if check_digit(text) != digit:
        return PartFault.CHECK_DIGIT
    return PartFault.PARTLY_UNKNOWN if FILLER in text else None


def _in_century(text: str, century: int) -> datetime.date | None:
    try:
        return datetime.date(century + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return None


def _birth(text: str, digit: str, covered: PartFault | None, today: datetime.date) -> DatePart:
    """A date of birth: in the past, and the later of two plausible centuries."""
    fault = _date_fault(text, digit)
    if fault:
        return DatePart(text, fault=fault)
    dates = [_in_century(text, century) for century in (2000, 1900)]
    past = [date for date in dates if date and date < today and today.year - date.year <= _OLDEST]
    if not past:
        return DatePart(text, fault=PartFault.NOT_A_DATE)
    return DatePart(text, past[0], covered, past[1] if len(past) > 1 else None)


def _expiry(text: str, digit: str, covered: PartFault | None, today: datetime.date) -> DatePart:
    fault = _date_fault(text, digit)
    if fault:
        return DatePart(text, fault=fault)
    date = _in_century(text, 2000)
    if date is None or date.year - today.year > _LONGEST_VALID:
        date = _in_century(text, 1900)
    return DatePart(text, date, covered) if date else DatePart(text, fault=PartFault.NOT_A_DATE)
