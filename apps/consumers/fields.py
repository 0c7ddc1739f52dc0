"""The fields of a consumer as pages show them: labels, and whether a field is personal data.

The list itself, with the names of the vendor, is :data:`apps.cdp.fields.FIELDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apps.cdp.fields import NAMES

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class ConsumerField:
    """The label of a field, and whether its values are personal data of the consumer."""

    label: _StrPromise
    personal: bool = True


CONSUMER_FIELDS: Final = {
    "title": ConsumerField(_("Title")),
    "first_name": ConsumerField(_("First name")),
    "last_name": ConsumerField(_("Last name")),
    "gender": ConsumerField(_("Gender")),
    "date_of_birth": ConsumerField(_("Date of birth")),
    "emails": ConsumerField(_("Email addresses")),
    "phone_numbers": ConsumerField(_("Phone numbers")),
    "nationality": ConsumerField(_("Nationality")),
    "passport_number": ConsumerField(_("Passport number")),
    "country": ConsumerField(_("Country")),
    "identifiers": ConsumerField(_("Identifiers")),
}
FIELD_LABELS: Final = {name: CONSUMER_FIELDS[name].label for name in NAMES}
"""The label of every field, in the order of the form."""
