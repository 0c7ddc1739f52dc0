"""The form that finds an order. It is submitted by GET: order numbers and references are allowed in URLs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.consumers.forms.fields import SAMPLE_ORDER_REF, OrderReferenceField, PlainTextField
from apps.core.forms.input import PortalForm
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import RecordKind

SAMPLE_ORDER_NUMBER = "B94TXY-1"  # the vendor's own example; the sandbox has it
MAX_ORDER_NUMBER = 200  # characters; the vendor documents no limit
_TOO_LONG = _("This is too long: copy it again")


class OrderNumberField(PlainTextField):
    """The organisation's own order number as typed, without surrounding blanks."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if "@" in text:  # personal data must not appear in a URL
            raise ValidationError(_("Enter an order number, not an email address"), code="not_a_number")
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
