"""The form's three lists of rows: e-mail addresses, phone numbers, identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT, BaseFormSet, formset_factory
from django.urls import reverse_lazy
from django.utils.functional import cached_property, lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.cdp.consumers import Identifier
from apps.consumers.forms.fields import EmailListField, PhoneListField, PlainTextField
from apps.core.forms.input import PortalForm
from apps.core.forms.long_select import LongSelect
from apps.core.text import same_key

if TYPE_CHECKING:
    _FormSet = BaseFormSet[forms.Form]  # Django's class takes its type argument only from its stubs
else:
    _FormSet = BaseFormSet


class EmailRow(PortalForm):
    """One row of the e-mail addresses."""

    value = EmailListField(
        max_length=1000,
        too_long=_("An email address has at most 254 characters"),
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )


class PhoneRow(PortalForm):
    """One row of the phone numbers."""

    value = PhoneListField(
        max_length=1000,
        too_long=_("Enter one phone number in a row"),
        widget=forms.TextInput(
            attrs={"inputmode": "tel", "data-phone-echo": reverse_lazy("consumers:phone_reading")}
        ),
    )


class IdentifierRow(PortalForm):
    """One identifier: both halves, or none."""

    provider = PlainTextField(
        label=_("Identifier provider"), max_length=200, too_long=_("A provider has at most 200 characters")
    )
    id = PlainTextField(
        label=_("Identifier ID"),
        max_length=500,
        too_long=_("An identifier has at most 500 characters"),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        provider, identifier = self.cleaned_data.get("provider"), self.cleaned_data.get("id")
        if provider == "" and identifier:
            self.add_error("provider", _("Choose the provider of this identifier"))
        if identifier == "" and provider:
            self.add_error("id", _("Enter the ID for this provider"))
        return self.cleaned_data


@dataclass(frozen=True, slots=True)
class _Count:
    """The number of rows of a bound list, in place of Django's form of four fields."""

    cleaned_data: dict[str, int]

    def is_valid(self) -> bool:
        """Always: the entry has read the number before."""
        return True


def _numbered_label(label: str, number: int) -> SafeString:
    return format_html("{} <span data-list-number>{}</span>", label, number)


_numbered = lazy(_numbered_label, SafeString)  # most lists are only validated, and show no label


class RowList(_FormSet):
    """A list of rows of which empty ones are ignored.

    ``limit`` is the number of filled rows that may be sent. Up to twice as many are read, so that a
    person who entered too many gets an error and does not lose the entry.
    """

    row_fields: tuple[str, ...] = ("value",)
    row_label: Any = ""
    too_many: Any = ""
    repeated: Any = ""

    def __init__(self, *args: Any, providers: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.providers = providers
        self.warnings: list[str] = []
        super().__init__(*args, **kwargs)

    @cached_property
    def management_form(self) -> Any:
        """The number of rows. A bound list states it, at most twice the limit: ``row_count``."""
        if not self.is_bound:
            return super().management_form
        total = int(self.data[f"{self.prefix}-{TOTAL_FORM_COUNT}"])
        return _Count({TOTAL_FORM_COUNT: total, INITIAL_FORM_COUNT: 0})

    @property
    def limit(self) -> int:
        """Maximum number of filled rows."""
        raise AssertionError("each list names its setting")

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        if "value" in form.fields:
            # The script updates the number when it adds or removes a row.
            form.fields["value"].label = _numbered(self.row_label, 1 if index is None else index + 1)
        if "provider" in form.fields and self.providers:
            # The page also shows a chosen provider whose rule has been removed since.
            choices = [("", _("Choose a provider")), *((name, name) for name in self.providers)]
            form.fields["provider"].widget = LongSelect(choices=choices)

    @staticmethod
    def comparable(value: Any) -> Any:
        """The key by which repeated values of the list are found."""
        return value

    def rows(self) -> list[tuple[forms.Form, Any]]:
        """Each filled row with its value or values."""
        return [(form, form.cleaned_data["value"]) for form in self.forms if form.cleaned_data.get("value")]

    def values(self) -> tuple[Any, ...]:
        """All values in the order of the rows."""
        return tuple(value for _form, values in self.rows() for value in values)

    def clean(self) -> None:
        if any(form.errors for form in self.forms):
            return
        seen: set[Any] = set()
        for form, values in self.rows():
            for value in map(self.comparable, values):
                if value in seen:
                    form.add_error(self.row_fields[-1], self.repeated)
                seen.add(value)
        if len(self.values()) > self.limit:
            raise forms.ValidationError(self.too_many % {"limit": self.limit}, code="too_many")


class EmailList(RowList):
    """The e-mail addresses. A row may contain several, because people paste lists."""

    row_label = _("Email addresses")
    too_many = _("Enter at most %(limit)s email addresses")
    repeated = _("This email address is already in the list")

    @property
    def limit(self) -> int:
        return int(settings.MAX_EMAILS)

    @staticmethod
    def comparable(value: Any) -> Any:
        return same_key(value)  # addresses that differ only in case are the same


class PhoneList(RowList):
    """The phone numbers. A row may contain several, because people paste lists."""

    row_label = _("Phone numbers")
    too_many = _("Enter at most %(limit)s phone numbers")
    repeated = _("This phone number is already in the list")

    @property
    def limit(self) -> int:
        return int(settings.MAX_PHONE_NUMBERS)


class IdentifierList(RowList):
    """The identifiers, two fields to a row."""

    row_fields = ("provider", "id")
    row_label = _("Identifier")
    too_many = _("Enter at most %(limit)s identifiers")
    repeated = _("This identifier is already in the list")

    @property
    def limit(self) -> int:
        return int(settings.MAX_IDENTIFIERS)

    def rows(self) -> list[tuple[forms.Form, Any]]:
        return [
            (form, (Identifier(form.cleaned_data["provider"], form.cleaned_data["id"]),))
            for form in self.forms
            if form.cleaned_data.get("id")
        ]


def _factory(row: type[forms.Form], base: type[RowList], limit: int) -> type[RowList]:
    # Django drops rows above its maximum without an error; such an entry is refused before.
    maximum = 2 * limit
    return formset_factory(  # type: ignore[return-value]  # typed as any formset
        row, formset=base, extra=0, max_num=maximum, absolute_max=maximum
    )


LISTS: dict[str, type[RowList]] = {
    "emails": _factory(EmailRow, EmailList, settings.MAX_EMAILS),
    "phone_numbers": _factory(PhoneRow, PhoneList, settings.MAX_PHONE_NUMBERS),
    "identifiers": _factory(IdentifierRow, IdentifierList, settings.MAX_IDENTIFIERS),
}
