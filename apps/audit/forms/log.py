"""The filters of the audit log. They are part of the URL: none of them is a consumer's personal data."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors
from apps.audit.events import MAX_TEXT, REFERENCE
from apps.audit.labels import GROUP_LABELS, WITH_SYSTEM
from apps.audit.registry import EventGroup, EventOutcome, event_types
from apps.audit.selectors import LogFilter
from apps.core.dates import midnight
from apps.core.forms.input import LineField
from apps.core.forms.long_select import LongSelect
from apps.core.forms.reference_field import ReferenceField
from apps.core.web.filters import DayField, PeriodForm

_TOO_LONG = {"max_length": _("This is too long: copy it again")}
_ONE_OF_THEM = {"invalid_choice": _("Choose a person from the list")}


class LogFilterForm(PeriodForm):
    """The filters of the log. All are optional; an event must match every given filter."""

    since = DayField(label=_("From"))
    until = DayField(label=_("To"))
    person = forms.ChoiceField(
        label=_("Person"), required=False, error_messages=_ONE_OF_THEM, widget=LongSelect
    )
    account = forms.ChoiceField(
        label=_("Account"),
        required=False,
        help_text=_("The person whose account was changed."),
        error_messages=_ONE_OF_THEM,
        widget=LongSelect,
    )
    group = forms.ChoiceField(
        label=_("Events"),
        required=False,
        choices=[*GROUP_LABELS.items()],
        error_messages={"invalid_choice": _("Choose a group from the list")},
    )
    action = forms.ChoiceField(
        label=_("Action"),
        required=False,
        error_messages={"invalid_choice": _("Choose an action from the list")},
        widget=LongSelect,
    )
    outcome = forms.TypedChoiceField(
        label=_("Outcome"),
        required=False,
        coerce=EventOutcome,
        empty_value=None,
        choices=[("", _("Any outcome")), *EventOutcome.choices],
        error_messages={"invalid_choice": _("Choose an outcome from the list")},
    )
    reference = ReferenceField(
        label=_("Reference"),
        help_text=_("Of an order, consumer, guest or submission. A link from Sitecore CDP also works."),
        what_to_enter=_("Enter the reference of an order, consumer, guest or submission"),
        uuid_shaped=False,
    )
    address = LineField(
        label=_("Client address"),
        required=False,
        max_length=MAX_TEXT,
        error_messages=_TOO_LONG,
        help_text=_("Such as 192.0.2.17, exactly as in the log."),
        widget=forms.TextInput(attrs={"class": "mono"}),
    )
    session = LineField(
        label=_("Session"),
        required=False,
        max_length=MAX_TEXT,
        error_messages=_TOO_LONG,
        help_text=_("From a sign-in to its end, as on the page of an event."),
        widget=forms.TextInput(attrs={"class": "mono"}),
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
        by_label = sorted(((one.name, str(one.label)) for one in event_types()), key=lambda pair: pair[1])
        self._set_choices("action", [("", _("Any action")), *by_label])
        for name in ("person", "account"):
            # The URL may contain an account that exists only in the log.
            gone = [
                (one, one) for one in values.getlist(name) if one not in people and REFERENCE.fullmatch(one)
            ]
            self._set_choices(name, [("", _("Anyone")), *people.items(), *gone])

    def _set_choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    def asked(self) -> LogFilter:
        """The filters as a value; days are in the person's time zone. Call after ``is_valid()``."""
        data = self.cleaned_data
        return LogFilter(
            since=midnight(data["since"]) if data["since"] else None,
            until=midnight(data["until"] + dt.timedelta(days=1)) if data["until"] else None,
            group=EventGroup(data["group"]) if data["group"] not in ("", WITH_SYSTEM) else None,
            with_system=data["group"] == WITH_SYSTEM,
            **{
                name: data[name]
                for name in (
                    "person",
                    "account",
                    "action",
                    "outcome",
                    "session",
                    "address",
                    "reference",
                    "failures",
                )
            },
        )
