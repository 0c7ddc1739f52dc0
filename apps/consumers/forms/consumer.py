"""The form of one consumer, without the lists of rows."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.consumers import value_lists
from apps.consumers.forms.fields import (
    SAMPLE_ORDER_REF,
    DateOfBirthField,
    OrderReferenceField,
    PassportNumberField,
    PersonNameField,
    PlainTextField,
)
from apps.core.forms.input import PortalForm
from apps.core.forms.long_select import FlatChoices, LongSelect

# The error of an empty field that the settings require.
MISSING = {
    "order_ref": _("Enter the order"),
    "title": _("Choose the title"),
    "first_name": _("Enter the first name"),
    "last_name": _("Enter the last name"),
    "gender": _("Choose the gender"),
    "date_of_birth": _("Enter the date of birth"),
    "emails": _("Enter an email address"),
    "phone_numbers": _("Enter a phone number"),
    "nationality": _("Enter the nationality"),
    "passport_number": _("Enter the passport number"),
    "country": _("Choose the country"),
    "identifiers": _("Enter an identifier"),
}


def required_fields() -> frozenset[str]:
    """The fields that may not be empty: the order reference always, the others by setting."""
    return frozenset({"order_ref", *settings.REQUIRED_FIELDS})


def _optional(label: Any) -> str:
    return gettext("%(label)s (optional)") % {"label": label}


_as_optional = lazy(_optional, str)  # most forms are only validated, and show no label


class ConsumerForm(PortalForm):
    """The fields of the consumer that are not in one of the three lists."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    order_ref = OrderReferenceField(
        label=_("Order"),
        error_messages={"max_length": _("This is longer than 2,000 characters: copy it again")},
        help_text=_("An order number, an order reference or a link to the order"),
    )
    title = forms.ChoiceField(
        label=_("Title"),
        required=False,
        choices=FlatChoices(value_lists.title_choices),
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a title from the list")},
    )
    gender = forms.ChoiceField(
        label=_("Gender"),
        required=False,
        choices=value_lists.GENDERS,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": _("Choose a gender from the list")},
    )
    first_name = PersonNameField(
        label=_("First name"), max_length=100, too_long=_("The first name has at most 100 characters")
    )
    last_name = PersonNameField(
        label=_("Last name"), max_length=100, too_long=_("The last name has at most 100 characters")
    )
    date_of_birth = DateOfBirthField(
        label=_("Date of birth"),
        max_length=40,
        too_long=_("Date of birth must be a real date, such as 7 March 1991"),
        help_text=_("For example 7 3 1991, 07/03/1991 or 7 March 1991"),
    )
    nationality = PlainTextField(
        label=_("Nationality"),
        max_length=100,
        too_long=_("The nationality has at most 100 characters"),
        help_text=_("A word such as Irish or Spanish"),
    )
    passport_number = PassportNumberField(
        label=_("Passport number"),
        max_length=50,
        too_long=_("The passport number has at most 50 characters"),
    )
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        choices=FlatChoices(value_lists.country_choices),
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a country from the list")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        for name, field in self.fields.items():
            if name in required_fields():
                field.widget.attrs["aria-required"] = "true"
            elif name != "token":
                field.label = _as_optional(field.label)
        if not settings.CDP_ORDER_PAGES:
            self.fields["order_ref"].help_text = _(
                "The order reference, such as %(sample)s, or a link to the order"
            ) % {"sample": SAMPLE_ORDER_REF}
        self.read_date_in(settings.DATE_ORDER)
        self.fields["date_of_birth"].widget.attrs["data-date-echo"] = ""
        self.fields["nationality"].widget.attrs["list"] = "nationalities"

    def read_date_in(self, order: str) -> None:
        """Read the date of birth in this order, and show it: ``day-month`` or ``month-day``."""
        field = cast("DateOfBirthField", self.fields["date_of_birth"])
        field.order = order
        examples = self.base_fields["date_of_birth"].help_text
        if order == "month-day":
            examples = _("For example 3 7 1991, 03/07/1991 or 7 March 1991")
        field.help_text = examples
        self["date_of_birth"].help_text = examples  # it may have been made before
        field.widget.attrs["data-date-order"] = order

    def clean(self) -> dict[str, Any]:
        super().clean()
        for name in required_fields() & set(self.fields):
            if name in self.cleaned_data and not self.cleaned_data[name]:
                self.add_error(name, MISSING[name])
        return self.cleaned_data
