"""The page of the form, with what it shows beside the entry: warnings, or a submission that blocks a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext

from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import ErrorCode
from apps.consumers import labels
from apps.consumers.drafts import DraftMark
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.similar import SimilarReasonForm
from apps.consumers.models import Outcome, Submission
from apps.consumers.presenters.fields import field_texts
from apps.consumers.presenters.next_traveller import AddedLine, CarryOverChoice, CopyResult
from apps.consumers.presenters.order_panel import OrderPanel
from apps.consumers.presenters.paste import PasteBox
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.reconciliation.resolution import is_stuck_sending, shown_outcome
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import FieldError


@dataclass(frozen=True, slots=True)
class CorrectedSubmission:
    """The submission that fills the form. ``vendor_message`` is empty unless the vendor refused the entry."""

    public_id: str
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
    """A reason to stop before sending, with the submission that it is about, if there is one.

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


@dataclass(frozen=True, kw_only=True)
class EntryPage:
    """Everything that ``templates/consumers/new.html`` shows, by the names that it uses.

    ``corrects_no_longer``: the submission that the form corrected has changed since it was shown, so the
    form is sent as a new one. ``is_draft``: a saved draft fills the form. ``damage``: what was wrong with
    the post, as a :class:`PostedKind`. ``not_written``: the record before the send could not be written, so
    the page is made without the database. ``busy``: this process makes as many calls as it may.
    ``accepted``, ``similar_reason``: what was confirmed, for the next send. ``reason``: asks why a similar
    consumer is created. ``corrects``, ``copied_key``: whose details are in the entry, also where the page
    does not name them. ``blank_fields``: the fields of an empty entry, rendered before. ``latest_entries``:
    None before they are asked for. ``seconds_to_wait``: until the script stops waiting for the answer to a
    send.
    """

    entry: Entry
    errors: tuple[FieldError, ...] = ()
    # Why the form is shown (again)
    corrected: CorrectedSubmission | None = None
    corrects_no_longer: bool = False
    is_draft: bool = False
    was_sealed: bool = False
    damage: str = ""
    not_written: bool = False
    busy: bool = False
    used: BlockingSubmission | None = None
    identical: BlockingSubmission | None = None
    warnings: tuple[WarningLine, ...] = ()
    warnings_focus: bool = False
    accepted: str = ""
    similar_reason: str = ""
    reason: SimilarReasonForm | None = None
    copied: CopyResult | None = None
    # The form and what is beside it
    entry_of: str = ""
    corrects: str = ""
    copied_key: str = ""
    draft: DraftMark | None = None
    other_drafts: int = 0
    paste: PasteBox | None = None
    panel: OrderPanel | None = None
    blank_fields: str = ""
    carry_over: CarryOverChoice | None = None
    added_today: tuple[AddedLine, ...] = ()
    all_added_url: str = ""
    latest_entries: tuple[AddedLine, ...] | None = None
    enter_creates: bool = True
    required_fields: frozenset[str] = frozenset()
    nationality_suggestions: str = ""
    seconds_to_wait: int = 0
    single_key_shortcuts: bool = True


def corrected_submission(submission: Submission | None) -> CorrectedSubmission | None:
    """The submission whose values are in the form; None if there is none."""
    if submission is None:
        return None
    refused = submission.error_code == ErrorCode.INVALID
    return CorrectedSubmission(
        public_id=str(submission.public_id),
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
    """A reason to stop, with a link to the submission that it is about if the reader may open it."""
    text = labels.warning_text(warning)
    submission, similar = warning.submission, warning.similar
    if submission is None:
        return _vendors_line(text, similar, viewer) if similar else WarningLine(text)
    url = reverse("consumers:receipt", args=[submission.public_id])
    may_open = viewer.may_open(submission.actor_id)
    return WarningLine(
        text,
        who=submission.actor_name,
        when=submission.submitted_at,
        reference=submission.consumer_ref or submission.late_consumer_ref,
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
    """The fields of an entry beside those of a similar consumer. ``is_shown``: with that one's values."""
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
