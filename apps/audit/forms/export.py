"""The form for an export of the audit log."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.audit import export
from apps.audit.selectors import LogFilter, has_matches
from apps.core.dates import midnight
from apps.core.export.formats import Format
from apps.core.web.filters import DayField, PeriodForm

MAX_SEQUENCE = 2**63 - 1


def _number(label: Any) -> forms.IntegerField:
    message = _("Enter the number of an event, such as 1200")
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=MAX_SEQUENCE,
        error_messages={"invalid": message, "min_value": message, "max_value": message},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "w-medium"}),
    )


class ExportForm(PeriodForm):
    """A range by days, by sequence numbers, or both; if empty, the whole log."""

    format = forms.ChoiceField(
        label=_("Format"),
        choices=[
            (Format.JSONL.value, _("JSON Lines, for programs")),
            (Format.CSV.value, _("CSV, for spreadsheets")),
        ],
        initial=Format.JSONL.value,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a format"), "invalid_choice": _("Choose a format")},
    )
    since = DayField(label=_("From (optional)"))
    until = DayField(label=_("To (optional)"))
    first = _number(_("First event (optional)"))
    last = _number(_("Last event (optional)"))

    def clean(self) -> dict[str, Any]:
        super().clean()
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", _("The last event must not be before the first event"))
        return self.cleaned_data

    def asked(self, filters: LogFilter | None) -> export.Export | None:
        """The export of the events that match the filters (None: of all events).

        Days are in the person's time zone. None if the range contains no such event.
        """
        data = self.cleaned_data
        found = export.find_range(
            first=data["first"] or 1,
            last=data["last"],
            since=midnight(data["since"]) if data["since"] else None,
            until=midnight(data["until"] + dt.timedelta(days=1)) if data["until"] else None,
        )
        if found is None or (filters and not has_matches(filters, first=found[0], last=found[1])):
            return None
        return export.Export(Format(data["format"]), *found, filters)
