"""The filters of past exports. None of them is personal data of a consumer, so they are in the address."""

from __future__ import annotations

import datetime as dt
from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors as audit_selectors
from apps.core.dates import midnight
from apps.core.forms.long_select import LongSelect
from apps.core.web.filters import DayField, PeriodForm
from apps.history.exports.past import PastExportFilter


class PastExportsForm(PeriodForm):
    """Period and person. Both are optional."""

    since = DayField(label=_("From"))
    until = DayField(label=_("To"))
    person = forms.ChoiceField(
        label=_("Person"),
        required=False,
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a person from the list")},
    )

    def __init__(self, values: QueryDict) -> None:
        super().__init__(values)
        people = [("", _("Anyone")), *audit_selectors.people()]
        cast("forms.ChoiceField", self.fields["person"]).choices = people

    def asked(self) -> PastExportFilter:
        """The filters as values; days are in the reader's time zone. Call it on a valid form."""
        data = self.cleaned_data
        return PastExportFilter(
            since=midnight(data["since"]) if data["since"] else None,
            until=midnight(data["until"] + dt.timedelta(days=1)) if data["until"] else None,
            person=data["person"],
        )

    def query(self) -> dict[str, str]:
        """The filters of the address unchanged, without other parameters, for links."""
        return {name: str(self.data[name]) for name in self.data if name in self.fields}
