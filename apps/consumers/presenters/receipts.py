"""The receipt of a submission, and the warnings before a send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from apps.audit.labels import WITH_SYSTEM
from apps.audit.presenters.events import log_url
from apps.audit.selectors import events_of_submission
from apps.cdp.client import CdpClient
from apps.consumers import labels
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.consumers.audit_keys import PROCESS_LOST
from apps.consumers.forms.resolution import ResolutionForm
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.presenters import resolutions
from apps.consumers.presenters.comparison import Compared, compared
from apps.consumers.presenters.lists import consumer_name, duration_text
from apps.consumers.presenters.next_traveller import next_traveller_url
from apps.consumers.presenters.reconciliation import ChecksState, checks_state
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.presenters.resolutions import LaterSubmission, ResolutionSection
from apps.consumers.presenters.taking import Taking, taking_section
from apps.consumers.presenters.timelines import TimelineItem, normalised_values, order_comparison, timeline
from apps.consumers.reconciliation.resolution import is_stuck_sending, shown_outcome
from apps.consumers.selectors import has_repeated_reference
from apps.consumers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Link:
    """A link exactly as the vendor returned it. ``own``: it points to the configured API host."""

    label: str
    href: str
    own: bool


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """The receipt of one submission.

    ``panel_kind`` and ``headline``: icon, colour and title of the panel on top, with the person's name;
    ``title``: of the page. ``add_another_url``: the form for the next traveller; ``copy_url``: the form with
    another order. ``is_new_for_author``: the reader sent it, and nothing has to be checked. ``is_erased``:
    the personal data were removed. ``consumer_problem``, ``answer_problem``, ``message_problem``: why a
    stored value cannot be read. ``compared``: with how many consumers of the order it was compared;
    ``similar_reason``: why it was created although one of them was similar. ``is_answered``: ``rows``
    include what the vendor returned. ``contradiction``: what disagrees with the resolution: "found" by a
    check, the vendor's late answer, "created" or "not_created", or "not_sent"; empty for nothing.
    ``batch``, ``batch_row``: the list of people and its row that it was made for; empty and None without.
    ``is_repeated``: another submission has the same consumer reference. ``is_stuck``: it is stored as
    sending, but its process was lost and no worker has marked it as unknown; it is shown as unknown.
    ``sent_again``: later submissions whose consumer exists or may exist, if this one's does not.
    ``left_out``: how many earlier events of views the timeline does not have; ``log_url``: of all its events.
    """

    public_id: str
    outcome: str
    panel_kind: str
    headline: str
    title: str
    add_another_url: str
    copy_url: str
    is_new_for_author: bool
    submitted_by: str
    submitted_at: datetime
    duration: str
    doubt: str
    reason: str
    vendor_message: str
    order_ref: str
    order_number: str
    consumer_ref: str
    late_consumer_ref: str
    guest_ref: str
    batch: str
    batch_row: int | None
    compared: str
    similar_reason: str
    order_url: str
    guest_url: str
    is_erased: bool
    consumer_problem: str
    answer_problem: str
    message_problem: str
    is_answered: bool
    is_correctable: bool
    contradiction: str
    is_repeated: bool
    is_stuck: bool
    rows: tuple[Compared, ...]
    links: tuple[Link, ...]
    timeline: tuple[TimelineItem, ...]
    left_out: int
    log_url: str
    checks: ChecksState
    resolution: ResolutionSection
    sent_again: tuple[LaterSubmission, ...]
    taking: Taking


def receipt_page(
    submission: Submission, viewer: Viewer, client: CdpClient, *, forms: Sequence[ResolutionForm]
) -> ReceiptPage:
    """The receipt as the viewer sees it. ``forms``: the resolution forms on the page, if any."""
    sent, answer = submission.consumer, submission.answer
    public_id = str(submission.public_id)
    events, left_out = events_of_submission(public_id, without=SUBMISSION_VIEWED.name)
    compared_with, similar_reason = order_comparison(events)
    is_repeated = has_repeated_reference(submission)
    resolution = resolutions.resolution_section(submission, viewer, forms=forms)
    is_stuck = is_stuck_sending(submission)
    outcome = shown_outcome(submission)
    has_doubt = bool(submission.doubt_code) or is_repeated
    needs_attention = has_doubt or bool(resolution.warning_headline)
    headline = resolution.warning_headline or labels.receipt_headline(outcome, doubt=has_doubt)
    name = consumer_name(submission) if sent and submission.outcome != Outcome.SENDING else ""
    if name:
        headline = gettext("%(outcome)s: %(name)s") % {"outcome": headline, "name": name}
    return ReceiptPage(
        public_id=public_id,
        outcome=submission.outcome,
        panel_kind="warning" if needs_attention else outcome,
        headline=headline,
        title=gettext("%(headline)s, order %(order)s")
        % {"headline": headline, "order": submission.order_number or submission.order_ref},
        add_another_url=next_traveller_url(submission.order_ref, submission),
        copy_url=next_traveller_url("", submission),
        is_new_for_author=str(submission.actor_id) == viewer.person_id and not needs_attention,
        submitted_by=submission.actor_name,
        submitted_at=submission.submitted_at,
        duration=duration_text(submission.duration_ms),
        doubt=labels.doubt(submission),
        reason=labels.error_text(PROCESS_LOST) if is_stuck else labels.reason(submission),
        vendor_message=submission.vendor_message,
        order_ref=submission.order_ref,
        order_number=submission.order_number,
        consumer_ref=submission.consumer_ref,
        late_consumer_ref=submission.late_consumer_ref,
        guest_ref=submission.guest_ref,
        batch=str(submission.batch or ""),
        batch_row=submission.batch_row,
        compared=compared_with,
        similar_reason=similar_reason,
        order_url=record_url("orders:order", submission.order_ref),
        guest_url=record_url("orders:guest", submission.guest_ref),
        is_erased=submission.is_erased,
        consumer_problem=labels.consumer_problem(submission),
        answer_problem=labels.unreadable_text(submission, "encrypted_answer"),
        message_problem=labels.unreadable_text(submission, "encrypted_vendor_message"),
        is_answered=answer is not None,
        is_correctable=is_correctable(submission) and not submission.is_sent_again_by_list,
        contradiction=resolutions.contradiction(submission),
        is_repeated=is_repeated,
        is_stuck=is_stuck,
        rows=compared(sent, answer, normalised_values(events)),
        links=returned_links(submission, client),
        timeline=timeline(events),
        left_out=left_out,
        log_url=log_url(group=WITH_SYSTEM, sort="oldest", reference=public_id),
        checks=checks_state(submission),
        resolution=resolution,
        sent_again=_sent_again(submission, resolution, viewer),
        taking=taking_section(submission, viewer),
    )


def _sent_again(
    submission: Submission, resolution: ResolutionSection, viewer: Viewer
) -> tuple[LaterSubmission, ...]:
    # The section of the resolution has them with a warning if this consumer may exist.
    if resolution.sent_again or submission.known_outcome not in CORRECTABLE_OUTCOMES:
        return ()
    return resolutions.sent_again(submission, viewer)


def returned_links(submission: Submission, client: CdpClient) -> tuple[Link, ...]:
    """The links that the vendor returned, verbatim."""
    named = (
        (labels.LINK_LABELS["consumer"], submission.consumer_href),
        (labels.LINK_LABELS["order"], submission.order_href),
        (labels.LINK_LABELS["guest"], submission.guest_href),
    )
    return tuple(Link(str(label), href, client.is_own_link(href)) for label, href in named if href)


def is_correctable(submission: Submission) -> bool:
    """Whether the entry may be corrected and sent again: it can be read, and the consumer does not exist.

    False while a late answer or check contradicts that; one that was overruled does not count.
    """
    return submission.known_outcome in CORRECTABLE_OUTCOMES and submission.consumer is not None
