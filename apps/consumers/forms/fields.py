"""Form fields that accept the spellings people use and return the value to send."""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from apps.consumers import emails, phones
from apps.core import clock, dates
from apps.core.forms.input import LineField, NameField
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import RecordKind

SAMPLE_ORDER_REF = "2d7de9df-45a2-45ea-872c-30e45139007d"  # the vendor's own example; the sandbox has it


class PlainTextField(LineField):
    """One line of text, sent as :class:`LineField` reads it. Never required by itself.

    The company decides which fields are required, so the form checks this and has the messages.
    """

    def __init__(self, *, max_length: int, too_long: Any, **kwargs: Any) -> None:
        super().__init__(
            max_length=max_length, required=False, error_messages={"max_length": too_long}, **kwargs
        )

    def clean(self, value: Any) -> str:
        return str(super().clean(value))


class OrderReferenceField(ReferenceField):
    """The reference of an order, or any link to it."""

    def __init__(self, **kwargs: Any) -> None:
        what_to_enter = format_lazy(
            _("Enter the order reference in full, such as {sample}"), sample=SAMPLE_ORDER_REF
        )
        super().__init__(RecordKind.ORDER, what_to_enter=what_to_enter, **kwargs)


MAX_ORDER_NUMBER = 100  # characters; the vendor documents no limit
_NEVER_IN_A_NUMBER = frozenset('@%?;&=<>"\\/')
_BEGINS_AS_A_REFERENCE = re.compile("[0-9a-f]{30}")


def order_number_in(text: str) -> str:
    """The order number in a text that is neither a reference nor a link; empty if it can be none.

    An e-mail address, several words without a digit (a name), and a reference with a mistake are not looked
    up; nothing is if look-ups are turned off. Whether an order has the number is not known yet.
    """
    number = LineField.visible(text)
    characters = re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", number)).lower()
    is_a_name = len(number.split()) > 1 and not any(map(str.isdigit, number))
    if (
        not settings.CDP_ORDER_PAGES
        or not characters
        or len(number) > MAX_ORDER_NUMBER
        or not number.isprintable()
        or is_a_name
        or _NEVER_IN_A_NUMBER.intersection(number)
        or _BEGINS_AS_A_REFERENCE.match(characters)
    ):
        return ""
    return number


class DateOfBirthField(PlainTextField):
    """A date of birth as text, so that an impossible date stays on the page instead of vanishing.

    ``order``: of day and month, ``day-month`` or ``month-day``; empty for the setting ``DATE_ORDER``.
    """

    widget = forms.TextInput
    order = ""

    def clean(self, value: Any) -> datetime.date | None:  # type: ignore[override]  # the field's own type
        text = super().clean(value)
        if not text:
            return None
        try:
            month_first = (self.order or settings.DATE_ORDER) == "month-day"
            date = dates.read_date(text, month_first=month_first)
        except dates.ShortYear:
            raise ValidationError(dates.SHORT_YEAR, code="short_year") from None
        except ValueError:
            raise ValidationError(
                _("Date of birth must be a real date, such as 7 March 1991"), code="not_a_date"
            ) from None
        # Vendor: "Date must be in the past". Dates are sent as midnight UTC, so today is UTC's today.
        if date >= clock.now().date():
            raise ValidationError(_("Date of birth must be before today"), code="not_past")
        return date


class PersonNameField(NameField):
    """A first or last name, sent as typed. Never required by itself, as :class:`PlainTextField`."""

    def __init__(self, *, max_length: int, too_long: Any, **kwargs: Any) -> None:
        super().__init__(
            max_length=max_length, required=False, error_messages={"max_length": too_long}, **kwargs
        )


class PassportNumberField(PlainTextField):
    """A passport number, sent in upper case."""

    def clean(self, value: Any) -> str:
        return super().clean(value).upper()


def _on_one_line(value: Any) -> str:
    return re.sub("[\t\r\n\u2028\u2029]+", ", ", str(value or ""))


class EmailListField(PlainTextField):
    """One or several e-mail addresses. Only the domain part is lower-cased."""

    def clean(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]  # the field's own type
        addresses = emails.split_addresses(super().clean(_on_one_line(value)))
        for address in addresses:
            if len(address) > emails.MAX_ADDRESS:
                raise ValidationError(_("An email address has at most 254 characters"), code="too_long")
            if not emails.is_address(address):
                raise ValidationError(
                    _("Enter the email address in full, such as name@example.com"), code="not_an_address"
                )
        return tuple(emails.with_lower_case_domain(address) for address in addresses)


class PhoneListField(PlainTextField):
    """One or several phone numbers, each in E.164 format if it can be parsed, otherwise as typed."""

    def clean(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]  # the field's own type
        numbers = phones.split_numbers(super().clean(_on_one_line(value)))
        return tuple(phones.e164(number) or number for number in numbers)
