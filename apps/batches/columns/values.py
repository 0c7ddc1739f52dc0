"""The cells of a row as the values of the form, under the flat names that a browser posts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from apps.batches.cells import DateText
from apps.batches.columns.date_orders import DAY_MONTH, MONTH_DAY, ORDERS, Meaning, meaning_of, read_in_order
from apps.batches.columns.genders import PLAIN, Letters, letters_of
from apps.batches.columns.problems import code_from_date
from apps.batches.columns.titles import has_other_fr
from apps.consumers.forms.flat_values import with_rows
from apps.consumers.paste.cells import FATHER, country_of, gender_of, title_of
from apps.consumers.paste.columns import (
    IDENTIFIER_ID,
    IDENTIFIER_PROVIDER,
    PROVIDER_PREFIX,
    REPEATABLE_TARGETS,
)
from apps.consumers.paste.fillers import may_be_not_available
from apps.consumers.paste.gender_words import gender_of_word
from apps.consumers.paste.nationalities import demonyms_of_code
from apps.core.text import same_key

_ORDER: Final = "order_ref"
_DATE: Final = "date_of_birth"
_CODES: Final = frozenset({"passport_number", "phone_numbers", IDENTIFIER_ID})
# How people tell a spreadsheet that digits are a text. Elsewhere an apostrophe may begin a name. With another
# one at the end it is a quotation mark.
_TEXT_MARK: Final = re.compile(r"\A\s*'(?=[+\w])(?!.*'\s*\Z)", re.DOTALL)
_GENDER: Final = "gender"
_TITLE: Final = "title"
# Fr. where it is not the title of a father. The form does not read it: its titles have no full stop.
_OTHER_FR: Final = f"{FATHER}."
# Appended to NA as a country, which the form would read as Namibia.
_NAMIBIA: Final = " (Namibia or not available)"
# Appended to a date that the form would read in another order than the chosen one, so that it reads none.
_CHOSEN: Final = {DAY_MONTH: " (DD/MM/YYYY)", MONTH_DAY: " (MM/DD/YYYY)", "": " (DD/MM or MM/DD)"}


def reader_of(
    headers: Sequence[str],
    targets: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    date_order: str,
    order_ref: str,
) -> Callable[[Sequence[str]], dict[str, str]]:
    """:func:`row_values` for the rows of one table, whose other cells say what letters and titles mean.

    ``headers``: empty without any. ``rows``: the cells of all people.
    """
    rows = tuple(rows)
    return partial(
        row_values,
        targets=targets,
        date_order=date_order,
        order_ref=order_ref,
        letters=letters_of(headers, targets, rows),
        other_fr=has_other_fr(headers, targets, rows),
    )


def row_values(
    cells: Sequence[str],
    targets: Sequence[str],
    *,
    date_order: str,
    order_ref: str,
    letters: Letters = PLAIN,
    other_fr: bool = False,
) -> dict[str, str]:
    """The values of the form for one row. Columns without a target are not among them.

    Titles, genders and countries are those that the form offers, also from M and F and from a country's name;
    a nationality is a word, also from a code that has only one. Dates are ISO dates, read in ``date_order``.
    What cannot be read is passed on as typed, for the form to say what is wrong; a date that the form would
    read in the other order gets a remark that it cannot read, and so does NA as a country. A cell of the
    column Order is passed on, so that the check compares it with the batch's order, and a blank one is the
    batch's order.
    The apostrophe before a code, a number or a date is left out. A code that is a date or a time in its cell
    is passed on as :func:`uploaded_text` returns it.

    ``letters``: what letters mean in the column of genders; others are passed on as typed. ``other_fr``:
    whether Fr. is not the title of a father in the column of titles; it is then passed on as a text that is
    not a title.
    """
    by_target: dict[str, list[str]] = defaultdict(list)
    identifiers: list[dict[str, str]] = []
    for text, target in zip(cells, targets, strict=False):
        cell = uploaded_text(text, target)
        if _is_code(target) or target in (_ORDER, _DATE):
            cell = _TEXT_MARK.sub("", cell)
        if target.startswith(PROVIDER_PREFIX):
            if cell.strip():
                identifiers.append({"provider": target.removeprefix(PROVIDER_PREFIX), "id": cell})
        elif target:
            by_target[target].append(cell)
    identifiers = (
        _pairs(by_target.pop(IDENTIFIER_PROVIDER, []), by_target.pop(IDENTIFIER_ID, [])) + identifiers
    )
    values = {_ORDER: "".join(by_target.pop(_ORDER, [])).strip() or order_ref}
    for target, found in by_target.items():
        if target not in REPEATABLE_TARGETS:
            cell = found[0].strip()
            is_letter = target == _GENDER and len(cell) == 1
            values[target] = (
                letters.get(same_key(cell)) or gender_of_word(cell) or cell
                if is_letter
                else _value(found[0], target, date_order)
            )
    if other_fr and values.get(_TITLE) == FATHER:
        values[_TITLE] = _OTHER_FR
    for name in sorted(REPEATABLE_TARGETS):
        values = with_rows(values, name, [{"value": cell} for cell in by_target[name] if cell.strip()])
    return with_rows(values, "identifiers", identifiers)


def uploaded_text(cell: str, target: str) -> str:
    """The cell as the result file has it. A date or time in a column of codes becomes a text that says so.

    If that file is uploaded again, even as CSV, the cell remains an error.
    """
    return code_from_date(cell) if isinstance(cell, DateText) and _is_code(target) else cell


def _is_code(target: str) -> bool:
    return target in _CODES or target.startswith(PROVIDER_PREFIX)


def _nationality_of(text: str) -> str:
    """The nationality of a code such as IRL; empty for another text, NA, and a code with several."""
    found = demonyms_of_code(text) if text.isupper() and not may_be_not_available(text) else ()
    return found[0] if len(found) == 1 else ""


def _country_of(text: str) -> str:
    """The code of a country; for NA, a text that the form does not read; empty for another text."""
    return f"{text}{_NAMIBIA}" if may_be_not_available(text) else country_of(text)


_READERS: Final = {
    "title": title_of,
    "gender": gender_of,
    "country": _country_of,
    "nationality": _nationality_of,
}


def _pairs(providers: list[str], ids: list[str]) -> list[dict[str, str]]:
    """Each provider column with the ID column of its number. A half that is missing stays empty.

    Blank columns count, so that a missing half never shifts the others.
    """
    count = max(len(providers), len(ids))
    padded = zip(providers + [""] * (count - len(providers)), ids + [""] * (count - len(ids)), strict=True)
    return [{"provider": one, "id": other} for one, other in padded if one.strip() or other.strip()]


def _value(cell: str, target: str, date_order: str) -> str:
    text = cell.strip()
    if not text:
        return ""
    if target == _DATE:
        return date_value(text, date_order)
    if target in _READERS:
        return _READERS[target](text) or text
    return cell


def date_value(text: str, date_order: str) -> str:
    """The ISO date of a text, read in this order; otherwise a text that the form reads as no date.

    Without an order only texts with one meaning are read.
    """
    found = {order: read_in_order(text, order) for order in ORDERS}
    if date_order in found and (date := found[date_order]):
        return date.isoformat()
    if date_order not in found and meaning_of(text) is not Meaning.AMBIGUOUS:
        date = next(filter(None, found.values()), None)
        if date:
            return date.isoformat()
    return f"{text}{_CHOSEN[date_order]}" if any(found.values()) else text
