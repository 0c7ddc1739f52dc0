"""The forms that find orders and guests.

All are submitted by POST: what is typed into them may be personal data. A valid search for orders becomes an
address: order numbers and references are allowed in URLs.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.consumers.emails import MAX_ADDRESS, is_address
from apps.consumers.forms.fields import (
    MAX_ORDER_NUMBER,
    SAMPLE_ORDER_REF,
    OrderReferenceField,
    PlainTextField,
    order_number_in,
)
from apps.core.forms.input import PortalForm
from apps.core.forms.reference_field import MAX_LINK, ReferenceField
from apps.core.references import RecordKind

SAMPLE_ORDER_NUMBER = "B94TXY-1"  # the vendor's own example; the sandbox has it
_TOO_LONG = _("This is too long: copy it again")


class OrderNumberField(PlainTextField):
    """The organisation's own order number as typed, without surrounding blanks.

    What :func:`order_number_in` takes for no number, such as a name, is an error.
    """

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if "@" in text:  # personal data must not appear in a URL
            raise ValidationError(_("Enter an order number, not an email address"), code="not_a_number")
        if text and not order_number_in(text):
            raise ValidationError(_("This cannot be an order number: check it"), code="not_a_number")
        return text


class FindOrderForm(PortalForm):
    """Exactly one of three fields: a number or a guest to search by, or the reference of one order."""

    order_number = OrderNumberField(
        label=_("Order number"),
        max_length=MAX_ORDER_NUMBER,
        too_long=_TOO_LONG,
        help_text=format_lazy(
            _("Your organisation's own number, such as {sample}. Several orders can share one."),
            sample=SAMPLE_ORDER_NUMBER,
        ),
        widget=forms.TextInput(attrs={"class": "w-medium"}),
    )
    guest_ref = ReferenceField(
        RecordKind.GUEST,
        label=_("Guest reference"),
        what_to_enter=_("Enter the guest reference in full: 36 characters with four hyphens"),
        help_text=_("Finds the orders of a guest. A link from Sitecore CDP also works."),
    )
    order_ref = OrderReferenceField(
        label=_("Order reference"),
        help_text=format_lazy(
            _("Opens this order, such as {sample}. A link from Sitecore CDP also works."),
            sample=SAMPLE_ORDER_REF,
        ),
    )

    @classmethod
    def is_submitted(cls, values: Any) -> bool:
        """Whether the query string contains a search."""
        return any(name in values for name in cls.base_fields)

    def clean(self) -> dict[str, Any]:
        super().clean()
        given = [name for name in self.fields if self.cleaned_data.get(name) or name in self.errors]
        if not given:
            self.add_error(
                "order_number", _("Enter an order number, a guest reference or an order reference")
            )
        for name in given[1:]:
            if name not in self.errors:
                self.add_error(name, _("Fill in one field only"))
        return self.cleaned_data


class OrderBoxForm(PortalForm):
    """One box for a number, a reference or a link. ``cleaned_data`` has ``number`` or ``order_ref``."""

    order = PlainTextField(
        label=_("Order"),
        max_length=MAX_LINK,
        too_long=_TOO_LONG,
        help_text=_("An order number, an order reference or a link to the order"),
        widget=forms.TextInput(attrs={"id": "id_find_order"}),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        typed = self.cleaned_data.get("order")
        if typed is None:
            return self.cleaned_data
        self.cleaned_data["number"] = number = order_number_in(typed)
        self.cleaned_data["order_ref"] = ""
        if not typed:
            self.add_error("order", _("Enter an order number, an order reference or a link"))
        elif not number:
            try:
                self.cleaned_data["order_ref"] = OrderReferenceField().clean(typed)
            except ValidationError as error:
                self.add_error("order", error)
        return self.cleaned_data


class FindGuestForm(PortalForm):
    """An e-mail address, or an identifier with its provider."""

    email = PlainTextField(
        label=_("Email address"),
        max_length=MAX_ADDRESS,
        too_long=_("An email address has at most 254 characters"),
    )
    provider = PlainTextField(label=_("Identifier provider"), max_length=200, too_long=_TOO_LONG)
    identifier = PlainTextField(label=_("Identifier ID"), max_length=200, too_long=_TOO_LONG)

    def __init__(self, *args: Any, providers: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if providers:
            choices = [("", _("Choose a provider")), *((name, name) for name in providers)]
            self.fields["provider"].widget = forms.Select(choices=choices)

    def clean(self) -> dict[str, Any]:
        super().clean()
        email, provider, identifier = (
            self.cleaned_data.get(name) for name in ("email", "provider", "identifier")
        )
        if self.errors:
            return self.cleaned_data
        if email and (provider or identifier):
            self.add_error("email", _("Search by the email address or by the identifier, not by both"))
        elif email and not is_address(email):
            self.add_error("email", _("Enter the email address in full, such as name@example.com"))
        elif identifier and not provider:
            self.add_error("provider", _("Choose the provider of this identifier"))
        elif provider and not identifier:
            self.add_error("identifier", _("Enter the ID for this provider"))
        elif not email and not identifier:
            self.add_error("email", _("Enter an email address or an identifier"))
        return self.cleaned_data
