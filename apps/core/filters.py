"""What the filters of the lists have in common: days, references, chips, and the address that holds them.

Filters stand in the address. What cannot be read comes back as it was typed, with an error; it is never left
out of the question without a word.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest, ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import dates, keyset
from apps.core.form_input import LineField

LONGEST_DATE = 40  # characters, as static/js/dates.js reads them
_NO_DATE = _("Enter a date, such as 2026-03-07")
# Before and after these there is no midnight in some zone.
_FIRST_DAY, _LAST_DAY = dt.date(1970, 1, 1), dt.date(9998, 12, 31)


class UnreadableAddress(BadRequest):
    """A part of an address that only links carry is cut or changed: a 400 page. The text is empty."""


class DayField(LineField):
    """A day as people write it. The browser's own picker would send nothing for a half-typed one."""

    def __init__(self, *, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            max_length=LONGEST_DATE,
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


def midnight(day: dt.date) -> dt.datetime:
    """When that day begins in the reader's zone."""
    return dt.datetime.combine(day, dt.time(), tzinfo=timezone.get_current_timezone())


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is in effect, and the list without it."""

    label: str
    value: str
    url: str


def with_query(path: str, values: Mapping[str, Any], **changed: str) -> str:
    """The address of a list with the filters of ``values``, some of them changed; from the first page."""
    kept = {name: str(values[name]) for name in values} | changed
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in kept.items() if value and name not in keyset.NAMES})
    return f"{path}?{query.urlencode()}" if query else path


def page_url(path: str, values: Mapping[str, Any], position: keyset.Position | None) -> str:
    """The address of a page of the list with these filters; empty where there is no such page."""
    if position is None:
        return ""
    address = with_query(path, values)
    return f"{address}{'&' if '?' in address else '?'}{position}"
