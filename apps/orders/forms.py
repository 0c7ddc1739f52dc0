"""The form that finds an order. It is sent by GET: a number and references may stand in an address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.consumers.forms.fields import SAMPLE_ORDER_REF, OrderReferenceField, PlainTextField
from apps.core.form_input import PortalForm
from apps.core.reference_field import ReferenceField
from apps.core.references import RecordKind

SAMPLE_ORDER_NUMBER = "B94TXY-1"  # the vendor's own example; the sandbox has it
LONGEST_NUMBER = 200  # characters; the vendor names no limit
_TOO_LONG = _("This is too long: copy it again")


class OrderNumberField(PlainTextField):
    """The organisation's own order number, as typed but for surrounding blanks."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if "@" in text:  # an address of a person belongs neither into an address of ours nor to this search
            raise ValidationError(_("Enter an order number, not an email address"), code="not_a_number")
        return text


class FindOrderForm(PortalForm):
    """Exactly one of three: a number or a guest is searched for, an order reference leads straight there."""

    order_number = OrderNumberField(
        label=_("Order number"),
        max_length=LONGEST_NUMBER,
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
    def is_sent(cls, values: Any) -> bool:
        """Whether an address carries a search at all."""
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
