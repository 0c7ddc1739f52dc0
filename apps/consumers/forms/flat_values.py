"""An entry as flat names and texts, as a browser posts them, and the rows of its lists among them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import TooManyFieldsSent
from django.utils.formats import date_format

from apps.cdp.consumers import NewConsumer
from apps.cdp.fields import Shape, names_of
from apps.consumers.forms.lists import LISTS

SEPARATOR: Final = "; "
"""Between values that share a row: the form reads the values on both sides of it."""
_TEXTS = tuple(names_of(Shape.TEXT))


def values_of(order_ref: str, consumer: NewConsumer | None) -> dict[str, str]:
    """The values that a browser would post for this order and consumer, with a new token.

    Without a consumer: the values of an empty form.
    """
    values = {"order_ref": order_ref, "token": str(uuid.uuid4())}
    if consumer is None:
        consumer = NewConsumer(first_name="", last_name="")
    values |= {name: getattr(consumer, name) for name in _TEXTS}
    born = consumer.date_of_birth
    values["date_of_birth"] = date_format(born, "j F Y") if born else ""
    for name in ("emails", "phone_numbers"):
        values = with_rows(values, name, value_rows(name, getattr(consumer, name)))
    identifiers = [{"provider": item.provider, "id": item.id} for item in consumer.identifiers]
    return with_rows(values, "identifiers", identifiers)


def with_carried(
    values: Mapping[str, str], consumer: NewConsumer, names: Collection[str], *, among: Iterable[str]
) -> dict[str, str]:
    """The values after a change of what is carried over from ``consumer``; nothing typed is changed.

    Of the fields ``among``, whose choice has changed, those in ``names`` are filled where they are empty, and
    the others are emptied where they have the consumer's value.
    """
    changed = dict(values.items())
    for name in among:
        theirs, typed = getattr(consumer, name), _typed(changed, name)
        if name in names and not typed:
            changed = _with_field(changed, name, theirs)
        elif name not in names and typed == theirs:
            changed = _with_field(changed, name, type(theirs)())
    return changed


@dataclass(frozen=True, slots=True)
class CopiedValues:
    """Values after details were copied: the names of the fields that were filled, and of those left alone."""

    values: dict[str, str]
    filled: tuple[str, ...]
    kept: tuple[str, ...]


def with_copied(
    values: Mapping[str, str], consumer: NewConsumer, names: Iterable[str], *, replaces: bool = False
) -> CopiedValues:
    """The values with these fields of ``consumer``. What was typed stays, unless ``replaces`` is set."""
    changed, filled, kept = dict(values.items()), [], []
    for name in names:
        theirs, typed = getattr(consumer, name), _typed(changed, name)
        if not theirs or typed == theirs:
            continue
        if typed and not replaces:
            kept.append(name)
            continue
        changed = _with_field(changed, name, theirs)
        filled.append(name)
    return CopiedValues(changed, tuple(filled), tuple(kept))


def _typed(values: Mapping[str, str], name: str) -> str | tuple[str, ...]:
    """What a field, or a list of fields, has now. Empty rows do not count."""
    if name in LISTS:
        return tuple(row["value"] for row in rows_of(values, name) if row["value"])
    return values.get(name, "")


def _with_field(values: Mapping[str, str], name: str, value: str | tuple[str, ...]) -> dict[str, str]:
    """The values with another value of a field, or of a list of fields."""
    if isinstance(value, tuple):
        return with_rows(values, name, value_rows(name, value))
    return {**values, name: value}


def rows_of(values: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    """The rows of one list, including those that its count leaves out.

    Raises ``TooManyFieldsSent`` for a row index beyond twice the list's limit.
    """
    count = max(row_count(values, prefix) or 0, _rows_present(values, prefix))
    return [
        {name: values.get(f"{prefix}-{index}-{name}", "") for name in LISTS[prefix].row_fields}
        for index in range(count)
    ]


def counts_every_row(values: Mapping[str, str]) -> bool:
    """Whether each list has a count that covers its rows. Without one, rows would be left out of the send.

    Raises ``TooManyFieldsSent`` as :func:`rows_of` does.
    """
    counts = {prefix: row_count(values, prefix) for prefix in LISTS}
    return all(
        count is not None and _rows_present(values, prefix) <= count for prefix, count in counts.items()
    )


def row_count(values: Mapping[str, str], prefix: str) -> int | None:
    """The number of rows that the form states; None if it states none, or more than twice the limit."""
    text = values.get(f"{prefix}-TOTAL_FORMS", "")
    count = int(text) if text.isdecimal() and len(text) < 6 else None
    return count if count is None or count <= LISTS[prefix].absolute_max else None


def with_rows(values: Mapping[str, str], prefix: str, rows: list[dict[str, str]]) -> dict[str, str]:
    """The same values with these rows in one list."""
    changed = {name: value for name, value in values.items() if not name.startswith(f"{prefix}-")}
    changed[f"{prefix}-TOTAL_FORMS"] = str(len(rows))
    changed[f"{prefix}-INITIAL_FORMS"] = "0"
    for index, row in enumerate(rows):
        changed |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return changed


def value_rows(prefix: str, texts: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a list of single values.

    If there are more than the form has rows for, several share a row. They are more than may be sent, so the
    form reports an error.
    """
    size = max(-(-len(texts) // LISTS[prefix].absolute_max), 1)  # rounded up
    return [{"value": SEPARATOR.join(texts[at : at + size])} for at in range(0, len(texts), size)]


def with_row_added(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The values with one more empty row."""
    return with_rows(values, prefix, [*(rows_of(values, prefix) or [{}]), {}])


def with_row_removed(values: Mapping[str, str], prefix: str, index: int) -> dict[str, str]:
    """The values without the row of that index, counted from 0."""
    rows = [row for number, row in enumerate(rows_of(values, prefix)) if number != index]
    return with_rows(values, prefix, rows)


def _rows_present(values: Mapping[str, str], prefix: str) -> int:
    """One more than the highest row index among the names."""
    row_name = re.compile(rf"{prefix}-(\d+)-(?:{'|'.join(LISTS[prefix].row_fields)})", re.ASCII)
    found = (row_name.fullmatch(name) for name in values)
    count = max((int(match[1][:6]) + 1 for match in found if match), default=0)
    if count > LISTS[prefix].absolute_max:
        raise TooManyFieldsSent
    return count
