"""Labels of a consumer's fields.

The list of fields with the vendor's names is :data:`apps.cdp.fields.FIELDS`.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

FIELD_LABELS: Final = {
    "title": _("Title"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "gender": _("Gender"),
    "date_of_birth": _("Date of birth"),
    "emails": _("Email addresses"),
    "phone_numbers": _("Phone numbers"),
    "nationality": _("Nationality"),
    "passport_number": _("Passport number"),
    "country": _("Country"),
    "identifiers": _("Identifiers"),
}
"""The label of every field, in the order of the form."""
