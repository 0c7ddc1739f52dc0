"""The columns of lists of submissions: their keys and headings."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

COLUMNS: Final = {
    "time": _("Time"),
    "person": _("Person"),
    "consumer": _("Consumer"),
    "order": _("Order"),
    "outcome": _("Outcome"),
    "duration": _("Duration"),
    "consumer_ref": _("Consumer reference"),
    "guest_ref": _("Guest reference"),
    "reason": _("Reason"),
}
"""The columns that a list of submissions can have. The consumer is the link to the receipt: always shown."""
DEFAULT_COLUMNS: Final = ("time", "person", "consumer", "order", "outcome", "duration")
LINK_COLUMN: Final = "consumer"
