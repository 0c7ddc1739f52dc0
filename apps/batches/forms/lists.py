"""The filter of the list of batches."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors as audit_selectors
from apps.core.forms.input import PortalForm
from apps.core.forms.long_select import LongSelect


class BatchesForm(PortalForm):
    """The person whose batches are shown."""

    person = forms.ChoiceField(
        label=_("Person"),
        required=False,
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a person from the list")},
    )

    def __init__(self, values: Any) -> None:
        super().__init__(values)
        self._people = dict(audit_selectors.people())
        field = cast("forms.ChoiceField", self.fields["person"])
        field.choices = [("", _("Anyone")), *self._people.items()]

    def person_name(self, pk: str) -> str:
        """The name of a person of the select."""
        return self._people.get(pk, pk)
