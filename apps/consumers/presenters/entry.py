"""What the entry page shows beside the form: warnings, the earlier submission, one that blocks a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from apps.cdp.errors import ErrorCode
from apps.consumers import labels
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class EarlierSubmission:
    """The submission that fills the form. ``vendor_message`` is empty unless the vendor refused the entry."""

    receipt_url: str
    outcome: str
    headline: str
    reason: str
    vendor_message: str


@dataclass(frozen=True, slots=True)
class BlockingSubmission:
    """A submission that prevents a send. ``receipt_url`` is empty if the reader may not open it."""

    receipt_url: str
    outcome: str
    submitted_at: datetime
    person: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class WarningLine:
    """A reason to stop before sending, with the earlier submission if there is one."""

    text: str
    who: str = ""
    when: datetime | None = None
    reference: str = ""
    url: str = ""


def earlier_submission(submission: Submission) -> EarlierSubmission:
    """The submission whose values are in the form."""
    refused = submission.error_code == ErrorCode.INVALID
    return EarlierSubmission(
        receipt_url=reverse("consumers:receipt", args=[submission.public_id]),
        outcome=submission.outcome,
        headline=labels.headline(Outcome(submission.outcome)),
        reason=labels.reason(submission),
        vendor_message=submission.vendor_message if refused else "",
    )


def blocking_submission(submission: Submission, viewer: Viewer) -> BlockingSubmission:
    """The submission that blocks a send, for this reader."""
    url = reverse("consumers:receipt", args=[submission.public_id])
    return BlockingSubmission(
        receipt_url=url if viewer.may_open(submission.actor_id) else "",
        outcome=submission.outcome,
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        is_own=str(submission.actor_id) == viewer.person_id,
    )


def warning_line(warning: EntryWarning, viewer: Viewer) -> WarningLine:
    """A reason to stop, with a link to the earlier submission if the reader may open it."""
    text = labels.warning_text(warning)
    earlier = warning.submission
    if earlier is None:
        return WarningLine(text)
    url = reverse("consumers:receipt", args=[earlier.public_id])
    return WarningLine(
        text,
        who=earlier.actor_name,
        when=earlier.submitted_at,
        reference=earlier.consumer_ref or earlier.late_consumer_ref,
        url=url if viewer.may_open(earlier.actor_id) else "",
    )
