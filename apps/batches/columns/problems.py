"""Values of a row that the form would accept although they are not what the person meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from apps.core.references import same_reference

_SHORTENED: Final = re.compile(r"\d+(?:[.,]\d+)?E\+\d+|\d[.,]\d+E\d+", re.IGNORECASE)
_WITH_DECIMALS: Final = re.compile(r"\d{4,}[.,]0+")
_NUMBERS: Final = re.compile(
    r"passport_number|phone_numbers-\d+-value|identifiers-\d+-id|first_name|last_name", re.ASCII
)


class ProblemCode(StrEnum):
    """What is wrong with a value."""

    OTHER_ORDER = "other_order"  # the column Order names another order than the batch's
    SHORTENED_NUMBER = "shortened_number"  # 1.23E+11: the spreadsheet has dropped digits
    DECIMAL_NUMBER = "decimal_number"  # 353861234567.0


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """``field``: the control of the form, such as ``phone_numbers-0-value``."""

    field: str
    code: ProblemCode


def problems_of(values: Mapping[str, str], *, order_ref: str) -> tuple[ValueProblem, ...]:
    """The problems of a row's values, uploaded or corrected. A row with one must not be sent.

    ``order_ref``: the batch's order. Values as :func:`apps.batches.columns.values.row_values` returns them.
    """
    found = []
    if not same_reference(values.get("order_ref", ""), order_ref):
        found.append(ValueProblem("order_ref", ProblemCode.OTHER_ORDER))
    for name, value in values.items():
        if not _NUMBERS.fullmatch(name):
            continue
        parts = [part.strip() for part in re.split("[;,](?!\\d)|[\t\r\n]", value)]
        if any(_SHORTENED.fullmatch(part) for part in parts):
            found.append(ValueProblem(name, ProblemCode.SHORTENED_NUMBER))
        elif any(_WITH_DECIMALS.fullmatch(part) for part in parts):
            found.append(ValueProblem(name, ProblemCode.DECIMAL_NUMBER))
    return tuple(found)
