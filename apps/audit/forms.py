"""The filters of the audit log. They stand in the address: none of them is a consumer's personal data."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors
from apps.audit.events import MAX_TEXT, REFERENCE, VENDOR_REFERENCE
from apps.audit.selectors import LogFilter
from apps.audit.words import ACTION_NAMES
from apps.core.form_input import LineField, PortalForm

LONGEST_LINK = 2_000  # characters
_TOO_LONG = {"max_length": _("This is too long: copy it again")}
_ONE_OF_THEM = {"invalid_choice": _("Choose one of the people")}
_NO_DATE = _("Enter a date, such as 2026-03-07")
_MONO = {"class": "mono", "autocomplete": "off", "spellcheck": "false"}


class DayInput(forms.DateInput):
    """The browser's own picker. It takes nothing but a date, and complains about anything else aloud."""

    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, str) and _date_or_none(value) is None:
            return None
        return super().format_value(value)


def _date_or_none(text: str) -> dt.date | None:
    """The date that an address holds, as the picker writes it; None for what is none."""
    try:
        return parse_date(text)
    except ValueError:  # the form of a date, but of no calendar
        return None


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],  # what the browser's own picker sends
        error_messages={"invalid": _NO_DATE},
        # Before and after these there is no midnight in some zone.
        validators=[
            MinValueValidator(dt.date(1970, 1, 1), _NO_DATE),
            MaxValueValidator(dt.date(9998, 12, 31), _NO_DATE),
        ],
        widget=DayInput(format="%Y-%m-%d", attrs={"class": "w-medium"}),
    )


class ReferenceField(LineField):
    """A reference as it is in the log; a pasted link is reduced to the reference at its end."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        if "://" in text:
            text = text.rstrip("/").rpartition("/")[2]
        if text and (len(text) > MAX_TEXT or "@" in text or not VENDOR_REFERENCE.fullmatch(text)):
            raise ValidationError(
                _("Enter the reference of an order, consumer, guest or submission"), code="not_a_reference"
            )
        return text


class LogFilterForm(PortalForm):
    """All filters may be left empty; those that are given hold together."""

    since = _day(_("From"))
    until = _day(_("To"))
    person = forms.ChoiceField(label=_("Person"), required=False, error_messages=_ONE_OF_THEM)
    account = forms.ChoiceField(
        label=_("Done to"),
        required=False,
        help_text=_("The person whose account it was about."),
        error_messages=_ONE_OF_THEM,
    )
    action = forms.ChoiceField(
        label=_("Action"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of the actions")},
    )
    reference = ReferenceField(
        label=_("Reference"),
        required=False,
        max_length=LONGEST_LINK,
        error_messages=_TOO_LONG,
        help_text=_("Of an order, consumer, guest or submission. A link from Sitecore CDP will do."),
        widget=forms.TextInput(attrs=_MONO),
    )
    address = LineField(
        label=_("Client address"),
        required=False,
        max_length=MAX_TEXT,
        error_messages=_TOO_LONG,
        help_text=_("Such as 192.0.2.17, exactly as the log has it."),
        widget=forms.TextInput(attrs=_MONO),
    )
    failures = forms.BooleanField(
        label=_("Only failures and denials"), required=False, widget=forms.CheckboxInput(attrs={"value": "1"})
    )
    sort = forms.ChoiceField(
        label=_("Sorted"),
        required=False,
        choices=[("", _("Newest first")), ("oldest", _("Oldest first"))],
        error_messages={"invalid_choice": _("Choose newest or oldest first")},
    )

    def __init__(self, values: QueryDict) -> None:
        super().__init__(values)
        people = dict(selectors.people())
        by_name = sorted(((action.name, str(words)) for action, words in ACTION_NAMES.items()), key=_second)
        self._offer("action", [("", _("Any action")), *by_name])
        for name in ("person", "account"):
            # An address may name an account of which only the log still knows.
            gone = [
                (one, one) for one in values.getlist(name) if one not in people and REFERENCE.fullmatch(one)
            ]
            self._offer(name, [("", _("Anybody")), *people.items(), *gone])

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    def clean(self) -> dict[str, Any]:
        super().clean()
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day must not be before the first day"))
        return self.cleaned_data

    def asked(self) -> LogFilter:
        """The filters as values; days are those of the reader's zone. Call it on a valid form."""
        data = self.cleaned_data
        return LogFilter(
            since=_midnight(data["since"]) if data["since"] else None,
            until=_midnight(data["until"] + dt.timedelta(days=1)) if data["until"] else None,
            **{
                name: data[name]
                for name in ("person", "account", "action", "address", "reference", "failures")
            },
        )


def _second(pair: tuple[str, str]) -> str:
    return pair[1]


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=timezone.get_current_timezone())
