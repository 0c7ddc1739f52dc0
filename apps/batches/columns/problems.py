"""Values that a spreadsheet has changed or lost, or that may stand for no value, as NA does.

The form accepts many of them, because it cannot know what they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.batches.reading.example import EXAMPLE_MARK
from apps.batches.reading.lost import is_error, is_formula
from apps.consumers.paste.fillers import may_be_not_available, stands_for_no_value
from apps.consumers.paste.shortened import SHORTENED_NUMBER

# At least four digits: "1.0" may be a version or a part of a text.
_WITH_DECIMALS: Final = re.compile(r"\+?\d{4,}[.,]0+", re.ASCII)
# Appended to a code that was a date or a time in its cell; the same text may be what somebody typed.
_FROM_DATE: Final = " (date or time in the spreadsheet)"
_WITHOUT_FILLERS: Final = re.compile(r"nationality|passport_number|identifiers-\d+-id", re.ASCII)
_ORDER: Final = "order_ref"
_NATIONALITY: Final = "nationality"
_NAMES: Final = frozenset({"first_name", "last_name"})
_PARTS: Final = re.compile(r"[;\t\r\n\u2028\u2029]|,(?!\d)|,(?=\s*\+?\d{6,})")


class ProblemCode(StrEnum):
    """How a value was changed or lost, or why it may stand for no value."""

    SHORTENED_NUMBER = "shortened_number"  # 1.23E+11: digits are lost
    DECIMAL_NUMBER = "decimal_number"  # 353861234567.0
    DATE = "date"  # 2026-05-12, from 12-05; 12:05:00, from 12:05
    ERROR_VALUE = "error_value"  # #REF!
    FORMULA = "formula"  # without a result
    EXAMPLE = "example"  # the mark of the template's example
    NOT_AVAILABLE = "not_available"  # NA as a nationality
    NO_VALUE = "no_value"  # n/a
    QUOTATION_MARK = (
        "quotation_mark"  # "Doe or 'Doe': of a file whose cells are not quoted as CSV quotes them
    )


TEXTS: Final = {
    ProblemCode.SHORTENED_NUMBER: _(
        "The spreadsheet has shortened this number, and digits are lost. Enter the whole number"
    ),
    ProblemCode.DECIMAL_NUMBER: _(
        "The spreadsheet has added decimals to this number. Remove the dot and the digits after it"
    ),
    ProblemCode.DATE: _("The spreadsheet has turned this value into a date or time. Enter it as it was"),
    ProblemCode.ERROR_VALUE: _("The spreadsheet shows an error in place of this value. Enter the value"),
    ProblemCode.FORMULA: _("This is a formula without a result. Enter the value"),
    ProblemCode.EXAMPLE: _("This marks the example of the template. Enter the value, or leave it empty"),
    ProblemCode.NOT_AVAILABLE: _(
        "NA may mean Namibia or “not available”. Enter the nationality in full, or leave it empty"
    ),
    ProblemCode.NO_VALUE: _("This seems to stand for no value. Enter the value, or leave it empty"),
    ProblemCode.QUOTATION_MARK: _(
        "This has quotation marks that are probably not part of it. Compare it with the file, and remove them"
    ),
}


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """``field``: the control of the form, such as ``phone_numbers-0-value``."""

    field: str
    code: ProblemCode

    @property
    def text(self) -> str:
        """What to do, as the form says its errors."""
        return str(TEXTS[self.code])


def problems_of(values: Mapping[str, str]) -> tuple[ValueProblem, ...]:
    """The changed or lost values of a row, uploaded or corrected. A row with one must not be sent.

    The names are those of :func:`apps.batches.columns.values.row_values`. The order is not among them: it is
    compared with that of the batch.
    """
    found = ((name, _problem(name, value)) for name, value in values.items() if value and name != _ORDER)
    problems = [ValueProblem(name, code) for name, code in found if code]
    if may_be_not_available(values.get(_NATIONALITY, "")):
        problems.append(ValueProblem(_NATIONALITY, ProblemCode.NOT_AVAILABLE))
    problems += [
        ValueProblem(name, ProblemCode.NO_VALUE)
        for name, value in values.items()
        if _WITHOUT_FILLERS.fullmatch(name) and _is_filler(name, value)
    ]
    return tuple(problems)


def code_from_date(cell: str) -> str:
    """A code that was a date or a time in its cell, as a text that :func:`problems_of` recognises."""
    return f"{cell}{_FROM_DATE}"


def _is_filler(name: str, value: str) -> bool:
    return stands_for_no_value(value) and not (name == _NATIONALITY and may_be_not_available(value))


def _problem(name: str, value: str) -> ProblemCode | None:
    parts = [part.strip() for part in _PARTS.split(value)]
    if any(map(is_formula, parts)):
        return ProblemCode.FORMULA
    if any(part.endswith(_FROM_DATE) for part in parts):
        return ProblemCode.DATE
    if EXAMPLE_MARK in map(str.casefold, parts):
        return ProblemCode.EXAMPLE
    if any(map(SHORTENED_NUMBER.fullmatch, parts)):
        return ProblemCode.SHORTENED_NUMBER
    if any(map(_WITH_DECIMALS.fullmatch, parts)):
        return ProblemCode.DECIMAL_NUMBER
    if any(map(is_error, parts)):
        return ProblemCode.ERROR_VALUE
    marks = '"' if name in _NAMES else "\"'"
    return ProblemCode.QUOTATION_MARK if any(_has_mark_of_its_file(part, marks) for part in parts) else None


def _has_mark_of_its_file(part: str, marks: str) -> bool:
    """Whether these marks enclose a value, or a quotation mark at its edge has no other.

    Robert "Bob" is a name, and so is 'Ala' in some transliterations.
    """
    is_enclosed = len(part) > 1 and part[0] == part[-1] and part[0] in marks
    return is_enclosed or (part.count('"') % 2 == 1 and '"' in (part[0], part[-1]))
