"""Shared parts of the list filters: days, chips, and the addresses that contain the filters.

Filters are query parameters. A value that cannot be parsed is shown again as typed, with an error; it is not
silently ignored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest, ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.core import dates, keyset
from apps.core.forms.input import LineField, PortalForm, single_value

MAX_DATE_LENGTH = 40  # characters, as in static/js/date_reading.js
_NO_DATE = _("Enter a date, such as 2026-03-07")
# Outside these days some time zones have no representable midnight.
_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 1), dt.date(9998, 12, 31)


class UnreadableAddress(BadRequest):
    """A query parameter that only links of the portal set was cut or changed: a 400 page. Has no text."""


class DayField(LineField):
    """A date as people write it. The browser's date picker would send nothing for an incomplete date."""

    def __init__(self, *, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            max_length=MAX_DATE_LENGTH,
            error_messages={"max_length": _NO_DATE},
            widget=forms.TextInput(
                attrs={
                    "class": "w-medium",
                    "autocomplete": "off",
                    "data-date-echo": "",
                    "data-date-any": "",
                }
            ),
        )

    def clean(self, value: Any) -> dt.date | None:
        text = str(super().clean(value))
        if not text:
            return None
        try:
            day = dates.read_date(text, month_first=settings.DATE_ORDER == "month-day")
        except dates.ShortYear:
            raise ValidationError(dates.SHORT_YEAR, code="short_year") from None
        except ValueError:
            raise ValidationError(_NO_DATE, code="not_a_date") from None
        if not _FIRST_DAY <= day <= _LAST_DAY:
            raise ValidationError(_NO_DATE, code="not_a_date")
        return day

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundField:
        self.widget.attrs["data-date-order"] = settings.DATE_ORDER
        return super().get_bound_field(form, field_name)


class PeriodForm(PortalForm):
    """A form with the fields ``since`` and ``until``, which a subclass declares as days."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day must not be before the first day"))
        return self.cleaned_data


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter. ``url`` is the address of the list without it."""

    label: str
    value: str
    url: str


def with_query(path: str, values: Mapping[str, Any], **changed: str | Sequence[str]) -> str:
    """The address of the first page of a list with the filters of ``values``, replaced by ``changed``.

    A list or tuple becomes a parameter with several values.
    """
    query = QueryDict(mutable=True)
    for name, value in {**{name: values[name] for name in values}, **changed}.items():
        texts = [str(one) for one in (value if isinstance(value, (list, tuple)) else [value]) if one != ""]
        if texts and name not in keyset.NAMES:
            query.setlist(name, texts)
    return f"{path}?{query.urlencode()}" if query else path


def page_url(path: str, values: Mapping[str, Any], position: keyset.Position | None) -> str:
    """The address of one page of the list with these filters; empty if ``position`` is None."""
    if position is None:
        return ""
    address = with_query(path, values)
    return f"{address}{'&' if '?' in address else '?'}{position}"


def read_position(values: QueryDict, by: Sequence[str]) -> keyset.Position | None:
    """The position in the address of a page; None if it has none (the first page).

    ``by``: the fields of its key. Raises ``UnreadableKey`` for a position that no link of the portal has, and
    ``ConflictingValues`` for a parameter with two values.
    """
    texts = {name: single_value(values, name) for name in keyset.NAMES if name in values}
    if not texts:
        return None
    if len(texts) > 1:
        raise keyset.UnreadableKey
    [(name, text)] = texts.items()
    parts = text.split("-")
    if len(parts) != len(by) or not all(part.isascii() and part.isdecimal() for part in parts):
        raise keyset.UnreadableKey
    key = tuple(int(part) for part in parts if len(part) < 20)
    if len(key) != len(by) or max(key) >= 2**63:
        raise keyset.UnreadableKey
    return keyset.Position(key, newer=name == keyset.NEWER_THAN)
