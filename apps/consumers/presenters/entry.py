"""What the entry page shows beside the form: warnings, the earlier submission, one that blocks a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext

from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import ErrorCode
from apps.consumers import labels
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import Outcome, Submission
from apps.consumers.presenters.fields import field_texts
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.reconciliation.resolution import is_stuck_sending, shown_outcome
from apps.consumers.sending.order_comparison import Similar
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
    """A submission that prevents a send.

    ``receipt_url`` is empty if the reader may not open it. ``is_stuck``: it is stored as sending, but its
    process was lost and no worker has marked it as unknown; ``outcome`` is unknown then, as in its receipt.
    """

    receipt_url: str
    outcome: str
    submitted_at: datetime
    person: str
    is_own: bool
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class SimilarField:
    """One field of the entry and of a similar consumer, and how the two compare: code and label."""

    label: str
    entered: tuple[str, ...]
    other: tuple[str, ...]
    likeness: str
    likeness_label: str


@dataclass(frozen=True, slots=True)
class WarningLine:
    """A reason to stop before sending, with the earlier submission if there is one.

    ``rows``: the fields of the entry beside those of a similar consumer. ``source``: the heading of that
    consumer's column; empty without one. ``ref``: its reference, if only the vendor has it. ``is_shown``: the
    reader may see its values; otherwise the rows have only the entry's.
    """

    text: str
    who: str = ""
    when: datetime | None = None
    reference: str = ""
    url: str = ""
    url_text: str = ""
    rows: tuple[SimilarField, ...] = ()
    source: str = ""
    ref: str = ""
    is_shown: bool = False


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
        outcome=shown_outcome(submission),
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        is_own=str(submission.actor_id) == viewer.person_id,
        is_stuck=is_stuck_sending(submission),
    )


def warning_line(warning: EntryWarning, viewer: Viewer) -> WarningLine:
    """A reason to stop, with a link to the earlier submission if the reader may open it."""
    text = labels.warning_text(warning)
    earlier, similar = warning.submission, warning.similar
    if earlier is None:
        return _vendors_line(text, similar, viewer) if similar else WarningLine(text)
    url, may_open = reverse("consumers:receipt", args=[earlier.public_id]), viewer.may_open(earlier.actor_id)
    return WarningLine(
        text,
        who=earlier.actor_name,
        when=earlier.submitted_at,
        reference=earlier.consumer_ref or earlier.late_consumer_ref,
        url=url if may_open else "",
        url_text=gettext("Open the receipt"),
        rows=similar_fields(similar, is_shown=may_open) if similar else (),
        source=gettext("Submission of the portal") if similar else "",
        is_shown=similar is not None and may_open,
    )


def _vendors_line(text: str, similar: Similar, viewer: Viewer) -> WarningLine:
    """A consumer that was added elsewhere. Its record is open to everybody who may view vendor records."""
    ref = similar.other.ref if isinstance(similar.other, OrderConsumer) else ""
    may_view = viewer.may_view_vendor_records
    return WarningLine(
        text,
        reference=ref,
        url=record_url("orders:order_consumer", ref) if may_view else "",
        url_text=gettext("Open the consumer"),
        rows=similar_fields(similar, is_shown=may_view),
        source=gettext("Sitecore CDP"),
        ref=ref,
        is_shown=may_view,
    )


def similar_fields(similar: Similar, *, is_shown: bool) -> tuple[SimilarField, ...]:
    """The fields of an entry beside those of the consumer that it is like. ``is_shown``: with its values."""
    return tuple(
        SimilarField(
            str(FIELD_LABELS[name]),
            field_texts(name, getattr(similar.entry, name)),
            field_texts(name, getattr(similar.other, name)) if is_shown else (),
            likeness.value,
            str(labels.LIKENESSES[likeness]),
        )
        for name, likeness in similar.comparison.fields
    )
