"""The filters of the audit log. They stand in the address: none of them is a consumer's personal data."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors
from apps.audit.events import MAX_TEXT, REFERENCE
from apps.audit.registry import EventOutcome, event_types
from apps.audit.selectors import LogFilter
from apps.core.filters import DayField, midnight
from apps.core.form_input import LineField, PortalForm
from apps.core.long_select import LongSelect
from apps.core.reference_field import ReferenceField

_TOO_LONG = {"max_length": _("This is too long: copy it again")}
_ONE_OF_THEM = {"invalid_choice": _("Choose one of the people")}


class LogFilterForm(PortalForm):
    """All filters may be left empty; those that are given hold together."""

    since = DayField(label=_("From"))
    until = DayField(label=_("To"))
    person = forms.ChoiceField(
        label=_("Person"), required=False, error_messages=_ONE_OF_THEM, widget=LongSelect
    )
    account = forms.ChoiceField(
        label=_("Done to"),
        required=False,
        help_text=_("The person whose account it was about."),
        error_messages=_ONE_OF_THEM,
        widget=LongSelect,
    )
    action = forms.ChoiceField(
        label=_("Action"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of the actions")},
        widget=LongSelect,
    )
    outcome = forms.TypedChoiceField(
        label=_("Outcome"),
        required=False,
        coerce=EventOutcome,
        empty_value=None,
        choices=[("", _("Any outcome")), *EventOutcome.choices],
        error_messages={"invalid_choice": _("Choose one of the outcomes")},
    )
    reference = ReferenceField(
        label=_("Reference"),
        help_text=_("Of an order, consumer, guest or submission. A link from Sitecore CDP will do."),
        what_to_enter=_("Enter the reference of an order, consumer, guest or submission"),
        uuid_shaped=False,
    )
    address = LineField(
        label=_("Client address"),
        required=False,
        max_length=MAX_TEXT,
        error_messages=_TOO_LONG,
        help_text=_("Such as 192.0.2.17, exactly as the log has it."),
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
        by_label = sorted(((one.name, str(one.label)) for one in event_types()), key=_second)
        self._offer("action", [("", _("Any action")), *by_label])
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
            since=midnight(data["since"]) if data["since"] else None,
            until=midnight(data["until"] + dt.timedelta(days=1)) if data["until"] else None,
            **{
                name: data[name]
                for name in ("person", "account", "action", "outcome", "address", "reference", "failures")
            },
        )


def _second(pair: tuple[str, str]) -> str:
    return pair[1]
