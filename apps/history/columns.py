"""The columns of an export, in the order in which the form offers them.

CSV and JSON Lines name columns by their keys, which depend neither on the release nor on the language. The
form and Excel files show the labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apps.consumers import labels
from apps.consumers.fields import FIELD_LABELS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in files, its label, and whether it contains personal data of a consumer."""

    key: str
    label: _StrPromise
    personal: bool = False


# Excluded: tokens and digests, the vendor's message and notes (free text about people), and the state of
# reconciliation.
_SUBMISSION_COLUMNS: Final = {
    "submitted_at": _("Time submitted"),
    "person": _("Person"),
    "user_name": _("User name"),
    "outcome": _("Outcome"),
    "order_ref": _("Order reference"),
    "order_number": _("Order number"),
    "consumer_ref": _("Consumer reference"),
    "guest_ref": _("Guest reference"),
    "finished_at": _("Time finished"),
    "duration_ms": _("Duration in milliseconds"),
    "http_status": _("HTTP status"),
    "error_code": _("Error code"),
    "error_field": _("Field of the error"),
    "resolved_how": _("Resolved how"),
    "resolved_at": _("Time resolved"),
    "resolved_by": _("Resolved by"),
    "resolution_reason": _("Reason for resolving"),
    "late_outcome": _("Late outcome"),
    "late_consumer_ref": _("Consumer reference found after the resolution"),
    "contradicted": _("Contradicted after the resolution"),
    "consumer_href": labels.LINK_LABELS["consumer"],
    "order_href": labels.LINK_LABELS["order"],
    "guest_href": labels.LINK_LABELS["guest"],
    "submission": _("Submission"),
    "corrects": _("Corrected submission"),
    "batch": _("List of people"),  # its public id
    "batch_row": _("Row of the list"),
}

COLUMNS: Final[dict[str, Column]] = {
    **{key: Column(key, label) for key, label in _SUBMISSION_COLUMNS.items()},
    # What was sent to Sitecore CDP, decrypted.
    **{key: Column(key, label, personal=True) for key, label in FIELD_LABELS.items()},
}
