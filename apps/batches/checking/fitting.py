"""Show all values of a person who has more of one kind than the form has rows for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from django.core.exceptions import TooManyFieldsSent

from apps.consumers.forms.flat_values import SEPARATOR, counts_every_row, value_rows, with_rows
from apps.consumers.forms.lists import LISTS


def fitted(values: Mapping[str, str]) -> Mapping[str, str]:
    """The values of a row, with lists that the form reads whole.

    A table may have more columns of email addresses, phone numbers or identifiers than the form has rows, and
    the form would drop those rows. Here several of these values share a row. They are more than may be sent,
    so the form reports an error. The same values are returned if they fit.
    """
    with suppress(TooManyFieldsSent):
        if counts_every_row(values):  # nearly always
            return values
    for prefix in LISTS:
        values = with_rows(values, prefix, _fitted_rows(prefix, _rows(values, prefix)))
    return values


def _rows(values: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    """The rows of a list that have a value, also beyond what the form reads."""
    row_name = re.compile(rf"{prefix}-([0-9]+)-[a-z]+")
    found = (row_name.fullmatch(name) for name, value in values.items() if value)
    indexes = sorted({int(match[1]) for match in found if match})
    fields = LISTS[prefix].row_fields
    return [{name: values.get(f"{prefix}-{index}-{name}", "") for name in fields} for index in indexes]


def _fitted_rows(prefix: str, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    most = LISTS[prefix].absolute_max
    if len(rows) <= most:
        return rows
    if prefix == "identifiers":  # each has its provider, so they share the last row as texts
        shared = [f"{row['provider']} {row['id']}" for row in rows[most - 1 :]]
        return [*rows[: most - 1], {"provider": "", "id": SEPARATOR.join(shared)}]
    return value_rows(prefix, [row["value"] for row in rows])
