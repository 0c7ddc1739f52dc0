"""The values of a consumer's fields as pages show them."""

from __future__ import annotations

import datetime as dt

from django.utils.formats import date_format

from apps.cdp.consumers import Identifier
from apps.consumers import value_lists

Value = str | dt.date | tuple[str, ...] | tuple[Identifier, ...] | None


def field_texts(name: str, value: Value) -> tuple[str, ...]:
    """The texts of one field: a list has any number, an empty field none. ``name``: as in ``cdp.fields``."""
    if not value:
        return ()
    if isinstance(value, tuple):
        return tuple(one if isinstance(one, str) else f"{one.provider}: {one.id}" for one in value)
    if isinstance(value, dt.date):
        return (date_format(value, "j F Y"),)
    if name == "country":
        return (f"{value_lists.country_name(value)} ({value})",)
    if name == "gender":
        return (str(dict(value_lists.GENDERS).get(value, value)),)
    return (value,)
