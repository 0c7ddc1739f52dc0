"""The forms of a saved view and of the columns of the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.consumers.list_columns import COLUMNS, LINK_COLUMN
from apps.core.forms.input import LineField, PortalForm
from apps.history.forms.export import ColumnRow, in_order
from apps.history.models import SavedView

_NUMBER = _("Enter a whole number from 0 to 1,000, or nothing")


class SavedViewForm(PortalForm):
    """The name of a view, for whom it is, and what it does on the start page and in the list."""

    name = LineField(
        label=_("Name"),
        max_length=60,
        help_text=_("Never the name of a consumer: it is stored unencrypted."),
        error_messages={
            "required": _("Enter a name for the view"),
            "max_length": _("The name has at most 60 characters"),
        },
    )
    audience = forms.ChoiceField(
        label=_("For"),
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Choose for whom the view is")},
    )
    is_default = forms.BooleanField(label=_("Open the list with this view"), required=False)
    warn_above = forms.IntegerField(
        label=_("Warn on the start page above (optional)"),
        required=False,
        min_value=0,
        max_value=SavedView.MOST_WARNED,
        help_text=_(
            "With a number here, the start page shows how many submissions the view has."
            " It counts at most ten views."
        ),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _NUMBER),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "w-short"}),
    )

    def __init__(
        self, data: QueryDict | None, *, roles: Sequence[tuple[str, Any]], view: SavedView | None = None
    ) -> None:
        """``roles``: names and labels that a new view may be for. ``view``: the one to change."""
        initial: dict[str, Any] = {"audience": ""}
        if view is not None:
            initial = {"name": view.name, "is_default": view.is_default, "warn_above": view.warn_above}
        super().__init__(data, initial=initial)
        self.use_required_attribute = False
        if view is not None or not roles:
            del self.fields["audience"]
        else:
            audience = self.fields["audience"]
            audience.choices = [("", _("Only me")), *roles]  # type: ignore[attr-defined]  # a ChoiceField


class ListColumnsForm(PortalForm):
    """The columns of the list and their order. The link to the receipt is always shown."""

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        offered: Sequence[str],
        values: Mapping[str, str] | None = None,
    ) -> None:
        """``values``: posted names and values to begin with."""
        super().__init__(data, initial=dict(values or {}))
        self._offered = tuple(offered)
        self._values: Mapping[str, Any] = data if data is not None else values or {}
        for key in self._offered:
            fixed = key == LINK_COLUMN
            self.fields[f"show_{key}"] = forms.BooleanField(
                label=COLUMNS[key], required=False, disabled=fixed, initial=fixed
            )
            self.fields[f"position_{key}"] = forms.CharField(required=False, widget=forms.HiddenInput)
            self.initial[f"show_{key}"] = fixed or f"show_{key}" in self._values

    def rows(self) -> Iterator[ColumnRow]:
        """The columns in the person's order."""
        for number, key in enumerate(in_order(self._offered, self._values)):
            self.initial[f"position_{key}"] = number
            yield ColumnRow(key, COLUMNS[key], self[f"show_{key}"], self[f"position_{key}"])

    def chosen(self) -> tuple[str, ...]:
        """The keys of the chosen columns, in order. Call it on a valid form."""
        return tuple(key for key in in_order(self._offered, self._values) if self.cleaned_data[f"show_{key}"])


def column_values(shown: Sequence[str], offered: Sequence[str]) -> dict[str, str]:
    """The columns that are shown as posted values of :class:`ListColumnsForm`, the others after them."""
    order = [*shown, *(key for key in offered if key not in shown)]
    return {f"show_{key}": "on" for key in shown} | {
        f"position_{key}": str(number) for number, key in enumerate(order)
    }
