"""The form for the columns of a batch: the field of each, whether there are headers, the order of dates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.forms.input import PortalForm

LEFT_OUT: Final = "-"
"""The posted value of a column that is left out, so that it differs from a column nobody decided about."""
_DATE: Final = "date_of_birth"
DATE_COLUMN: Final = "date_column"
"""The posted index of the column whose dates the page shows with the question about their order."""
_HEADERS: Final = [("yes", _("The headers of the columns")), ("no", _("A person"))]


def column_field(index: int) -> str:
    """The name of the field of a column, counted from 0."""
    return f"column-{index}"


class ColumnsForm(PortalForm):
    """One select for each column.

    ``targets``: values and labels of the fields. ``asked``: the columns that the person has to decide about.
    ``date_choices``: the two readings of the dates; without any it is not asked. ``discards``: whether rows
    were changed since the columns were chosen, so that a person has to agree that this is lost.
    """

    has_headers = forms.ChoiceField(
        label=_("What is in the first row?"),
        choices=_HEADERS,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is in the first row")},
    )
    discard = forms.BooleanField(
        label=_("Discard these changes"),
        error_messages={
            "required": _("Tick that the changes are discarded, or go back to the list without changing it")
        },
    )
    date_order = forms.ChoiceField(
        label=_("How are the dates written?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how the dates are written")},
    )

    use_required_attribute = False

    def __init__(
        self,
        *args: Any,
        targets: Sequence[tuple[str, Any]],
        width: int,
        asked: Collection[int] = (),
        date_choices: Sequence[tuple[str, Any]] = (),
        discards: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.width = width
        if date_choices:
            cast("forms.ChoiceField", self.fields["date_order"]).choices = date_choices
        else:
            del self.fields["date_order"]
        if not discards:
            del self.fields["discard"]
        for index in range(width):
            undecided = [("", _("Choose the field"))] if index in asked else []
            self.fields[column_field(index)] = forms.ChoiceField(
                label=_("Field of column %(number)d") % {"number": index + 1},
                choices=[*undecided, *targets],
                error_messages={
                    "required": _("Choose the field of column %(number)d, or leave it out")
                    % {"number": index + 1},
                    "invalid_choice": _("Choose a field from the list"),
                },
            )

    def clean(self) -> dict[str, Any]:
        super().clean()
        chosen = (self.cleaned_data.get(column_field(index)) for index in range(self.width))
        if "date_order" in self.errors and _DATE not in chosen:
            del self.errors["date_order"]  # the column of dates is left out
            self.cleaned_data["date_order"] = ""
        if (not self.errors or self.lacks_only_agreement) and not any(self.targets()):
            self.add_error(column_field(0), _("Choose the field of at least one column"))
        return self.cleaned_data

    @property
    def lacks_only_agreement(self) -> bool:
        """Whether nothing else is wrong than that changes would be lost: what was chosen can be read."""
        return [*self.errors] == ["discard"]

    @property
    def has_headers_chosen(self) -> bool:
        """Whether the first row has the headers. Call it on a valid form."""
        return bool(self.cleaned_data["has_headers"] == "yes")

    def targets(self) -> tuple[str, ...]:
        """The field of each column, empty for a column that is left out. Call it on a valid form."""
        chosen = (self.cleaned_data[column_field(index)] for index in range(self.width))
        return tuple("" if target == LEFT_OUT else target for target in chosen)
