"""The form's fields: each reads one thing as people write it and gives back what will be sent."""

from __future__ import annotations

import datetime
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from apps.consumers import phones
from apps.core import dates
from apps.core.form_input import LineField

# Vendor: references are UUID-shaped, in either case.
REFERENCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
SAMPLE_ORDER_REF = "2d7de9df-45a2-45ea-872c-30e45139007d"  # the vendor's own example; the sandbox has it


LONGEST_EMAIL = 254  # characters, RFC 5321 4.5.3.1.3 less the angle brackets


class PlainTextField(LineField):
    """One line of text, sent as typed but for surrounding blanks. Never required by itself.

    Which fields are required is the house's rule, not the field's: the form says so in its own words.
    """

    def __init__(self, *, max_length: int, too_long: Any, **kwargs: Any) -> None:
        super().__init__(
            max_length=max_length, required=False, error_messages={"max_length": too_long}, **kwargs
        )

    def clean(self, value: Any) -> str:
        return str(super().clean(value))


class OrderReferenceField(PlainTextField):
    """An order reference; a pasted link of the vendor's is reduced to the reference in it."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if "/" in text:
            text = _reference_in_link(text)
        if text and not REFERENCE.fullmatch(text):
            raise ValidationError(
                _("Enter the order reference in full, such as %(sample)s"),
                code="not_a_reference",
                params={"sample": SAMPLE_ORDER_REF},
            )
        return text


def _reference_in_link(link: str) -> str:
    """The segment behind ``orders``; the link itself where there is none."""
    try:
        segments = [unquote(segment) for segment in urlsplit(link).path.split("/")]
    except ValueError:  # not even a link, such as http://[
        return link
    return segments[segments.index("orders") + 1] if "orders" in segments[:-1] else link


class DateOfBirthField(PlainTextField):
    """A date of birth as text, so that an impossible date stays on the page instead of vanishing."""

    widget = forms.TextInput

    def clean(self, value: Any) -> datetime.date | None:  # type: ignore[override]  # the field's own type
        text = super().clean(value)
        if not text:
            return None
        try:
            date = dates.read_date(text, month_first=settings.DATE_ORDER == "month-day")
        except dates.ShortYear:
            raise ValidationError(dates.SHORT_YEAR, code="short_year") from None
        except ValueError:
            raise ValidationError(
                _("Date of birth must be a real date, such as 7 March 1991"), code="not_a_date"
            ) from None
        # Vendor: "Date must be in the past". Dates are sent as midnight UTC, so today is UTC's today.
        if date >= datetime.datetime.now(datetime.UTC).date():
            raise ValidationError(_("Date of birth must be before today"), code="not_past")
        return date


class PassportNumberField(PlainTextField):
    """A passport number, sent in upper case."""

    def clean(self, value: Any) -> str:
        return super().clean(value).upper()


def _on_one_line(value: Any) -> str:
    return re.sub(r"[\t\r\n]+", ", ", str(value or ""))


def _several(text: str, separators: str) -> list[str]:
    return [part.strip() for part in re.split(separators, text) if part.strip()]


class EmailListField(PlainTextField):
    """One e-mail address, or several pasted at once. The domain part is lower-cased, nothing else."""

    def clean(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]  # the field's own type
        addresses = _several(super().clean(_on_one_line(value)), r"[,;\s]+")
        for address in addresses:
            if len(address) > LONGEST_EMAIL:
                raise ValidationError(_("An email address has at most 254 characters"), code="too_long")
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(
                    _("Enter the email address in full, such as name@example.com"), code="not_an_address"
                ) from None
        return tuple(_lower_domain(address) for address in addresses)


def _lower_domain(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


class PhoneListField(PlainTextField):
    """One phone number, or several pasted at once; E.164 where it can be read, else as typed."""

    def clean(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]  # the field's own type
        numbers = _several(super().clean(_on_one_line(value)), r"[,;]")
        return tuple(phones.e164(number) or number for number in numbers)
