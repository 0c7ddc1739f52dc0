"""Numbers that a spreadsheet has changed. The form would accept them: it cannot know what they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _

# As spreadsheets show a number that does not fit its cell. "12E5" may be a booking's own number.
_SHORTENED: Final = re.compile(r"\d+(?:[.,]\d+)?E\+\d+|\d+[.,]\d+E\d+", re.ASCII | re.IGNORECASE)
# At least four digits: "1.0" may be a version or a part of a text.
_WITH_DECIMALS: Final = re.compile(r"\+?\d{4,}[.,]0+", re.ASCII)
_PARTS: Final = re.compile(r"[;\t\r\n\u2028\u2029]|,(?!\d)|,(?=\s*\+?\d{6,})")
_NAMES: Final = re.compile(
    r"passport_number|phone_numbers-\d+-value|identifiers-\d+-id|first_name|last_name", re.ASCII
)


class ProblemCode(StrEnum):
    """How a number was changed."""

    SHORTENED_NUMBER = "shortened_number"  # 1.23E+11: digits are lost
    DECIMAL_NUMBER = "decimal_number"  # 353861234567.0


TEXTS: Final = {
    ProblemCode.SHORTENED_NUMBER: _(
        "The spreadsheet has shortened this number, and digits are lost. Enter the whole number"
    ),
    ProblemCode.DECIMAL_NUMBER: _(
        "The spreadsheet has added decimals to this number. Remove the dot and the digits after it"
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
    """The changed numbers among the values of a row, uploaded or corrected. A row with one must not be sent.

    The names are those of :func:`apps.batches.columns.values.row_values`.
    """
    found = []
    for name, value in values.items():
        if not _NAMES.fullmatch(name):
            continue
        parts = [part.strip() for part in _PARTS.split(value)]
        if any(map(_SHORTENED.fullmatch, parts)):
            found.append(ValueProblem(name, ProblemCode.SHORTENED_NUMBER))
        elif any(map(_WITH_DECIMALS.fullmatch, parts)):
            found.append(ValueProblem(name, ProblemCode.DECIMAL_NUMBER))
    return tuple(found)
