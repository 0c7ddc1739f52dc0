"""Resolutions on the receipt, and the pages to confirm or reject a supervisor's resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from apps.audit.labels import value_label
from apps.consumers import labels, selectors
from apps.consumers.audit_keys import ERROR_CODE, LIST_NOT_WHOLE, RESOLUTION_REASON
from apps.consumers.forms.resolution import ResolutionForm
from apps.consumers.models import Outcome, PastResolution, ResolvedHow, Submission
from apps.consumers.presenters.comparison import Compared, compared
from apps.consumers.presenters.reconciliation import ChecksState, checks_state
from apps.consumers.reconciliation import resolution
from apps.consumers.reconciliation.doubts import doubts, resolution_doubts
from apps.consumers.reconciliation.evidence import RECONCILIATION_OFF, Evidence
from apps.consumers.sending.digests import content_digests_of
from apps.consumers.viewer import Viewer
from apps.core.references import same_reference


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution, for the receipt. ``note`` is for supervisors only; why it cannot be read, if so.

    ``is_answer``: it is an answer of Sitecore CDP that a supervisor's resolution has replaced.
    """

    text: str
    is_answer: bool
    at: datetime | None
    verification: str
    read_at: datetime | None
    outcome: str
    reference: str
    note: str


@dataclass(frozen=True, slots=True)
class LaterSubmission:
    """A later submission of the same consumer; ``url`` is empty if the viewer may not open it."""

    url: str
    submitted_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class ResolutionSection:
    """The resolution of a submission, as part of its receipt.

    ``version``: the version of the outcome, which the resolution forms post back. ``warning_headline``: the
    receipt's headline if the resolution is not verified or doubted, otherwise empty. ``correct_url``: the
    page that corrects the resolution, empty if the viewer may not.
    """

    version: str
    current: Resolution | None = None
    past: tuple[Resolution, ...] = ()
    doubts: tuple[str, ...] = ()
    warning_headline: str = ""
    is_correcting: bool = False
    correct_url: str = ""
    sent_again: tuple[LaterSubmission, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmationPage:
    """The page that compares what was sent with what was read, before a submission is marked as created.

    ``entered``: labels and texts of the form, without the reference. ``is_read``: whether the portal could
    read the consumer; if not, ``unread_reason`` is the reason. ``may_read_again``: whether another reading
    may succeed. ``consumer_problem``: why the sent consumer cannot be read. ``hidden``: names and values of
    hidden inputs.
    """

    public_id: str
    version: str
    reference: str
    entered: tuple[tuple[str, str], ...]
    is_read: bool
    read_at: datetime | None
    unread_reason: str
    may_read_again: bool
    rows: tuple[Compared, ...]
    is_erased: bool
    consumer_problem: str
    doubts: tuple[str, ...]
    sent_again: tuple[LaterSubmission, ...]
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LostPage:
    """The page that reports why a supervisor's resolution was not saved, with what was entered.

    ``typed``: labels and texts of the form. ``button``: the label of the chosen button. ``checks``: of a
    submission that is still unknown.
    """

    public_id: str
    version: str
    is_correcting: bool
    title: str
    outcome: str
    reference: str
    at: datetime | None
    button: str
    typed: tuple[tuple[str, str], ...]
    checks: ChecksState | None


def resolution_section(
    submission: Submission, viewer: Viewer, *, forms: Sequence[ResolutionForm]
) -> ResolutionSection:
    """The resolution as the viewer sees it. ``forms``: the resolution forms on the page, if any."""
    version = resolution.version_of(submission)
    if not submission.is_resolved:
        return ResolutionSection(version)
    past = list(submission.past_resolutions.order_by("id"))
    is_final = not submission.needs_resolution
    was_created = Outcome.CREATED in (submission.outcome, *(one.outcome for one in past))
    found_doubts = labels.consumer_doubts(submission, resolution_doubts(submission))
    correct_url = ""
    if is_final and viewer.may_resolve and not forms:
        correct_url = reverse("consumers:resolve", args=[submission.public_id])
    return ResolutionSection(
        version=version,
        current=_resolution(submission),
        past=tuple(map(_resolution, past)),
        doubts=found_doubts,
        warning_headline=_warning_headline(submission, has_doubts=bool(found_doubts)),
        is_correcting=is_final and bool(forms),
        correct_url=correct_url,
        sent_again=sent_again(submission, viewer) if forms or was_created else (),
    )


def is_verified(resolved: Submission | PastResolution) -> bool:
    """Whether the portal itself read the consumer that a submission is resolved with."""
    return resolved.resolved_how == ResolvedHow.BY_RECONCILIATION or resolved.consumer_read_at is not None


def _warning_headline(submission: Submission, *, has_doubts: bool) -> str:
    who = {"who": submission.resolved_by_name}
    if submission.outcome == Outcome.CREATED and not is_verified(submission):
        return gettext("Marked as created by %(who)s, not verified") % who
    return gettext("Marked as created by %(who)s, but there are warnings") % who if has_doubts else ""


def confirmation_page(
    submission: Submission, evidence: Evidence, form: ResolutionForm, *, sealed: str, viewer: Viewer
) -> ConfirmationPage:
    """The page to confirm that a submission is marked as created. ``sealed``: the encrypted evidence."""
    return ConfirmationPage(
        public_id=str(submission.public_id),
        version=resolution.version_of(submission),
        reference=evidence.consumer_ref,
        entered=tuple(form.typed()[1:]),  # the first is the reference
        is_read=evidence.consumer is not None,
        read_at=evidence.at,
        unread_reason=_unread_reason(evidence),
        may_read_again=evidence.consumer is None and settings.CDP_RECONCILIATION,
        rows=compared(submission.consumer, evidence.consumer),
        is_erased=submission.is_erased,
        consumer_problem=labels.consumer_problem(submission),
        doubts=labels.consumer_doubts(
            submission, doubts(submission, evidence.consumer_ref, evidence.consumer)
        ),
        sent_again=sent_again(submission, viewer),
        hidden=(
            ("created-consumer_ref", evidence.consumer_ref),
            ("created-reason", form["reason"].value()),
            ("created-note", form["note"].value() or ""),
            ("created-evidence", sealed),
        ),
    )


def contradiction(submission: Submission) -> str:
    """What contradicts the resolution, or empty.

    "found" by a check; an answer "created" or "not_created"; "not_sent": the portal learnt it late.
    """
    if not submission.contradicted:
        return ""
    if submission.is_found_late and not same_reference(submission.consumer_ref, submission.late_consumer_ref):
        return "found"
    if submission.late_consumer_ref and not submission.is_found_late:
        return "created"
    return "not_sent" if submission.late_outcome == Outcome.NOT_SENT else "not_created"


def lost_page(submission: Submission, form: ResolutionForm) -> LostPage:
    """The page for a supervisor whose resolution came too late."""
    contradicted_by = contradiction(submission)
    if submission.outcome == Outcome.SENDING:
        title = gettext("This submission is being sent")
    elif submission.outcome == Outcome.UNKNOWN:
        title = gettext("A check has read the order in the meantime")
    elif contradicted_by == "found":
        title = gettext("A consumer was found after this was resolved")
    elif contradicted_by == "not_sent" or submission.outcome == Outcome.NOT_SENT:
        title = gettext("The portal found later that nothing was sent")
    elif contradicted_by:
        title = gettext("An answer arrived after this was resolved")
    else:
        title = gettext("Already resolved by %(who)s") % {"who": _who(submission)}
    created = form.outcome is Outcome.CREATED
    return LostPage(
        public_id=str(submission.public_id),
        version=resolution.version_of(submission),
        is_correcting=submission.is_resolved,
        title=title,
        outcome=submission.known_outcome,
        reference=submission.consumer_ref,
        at=None if submission.contradicted else submission.resolved_at or submission.finished_at,
        button=gettext("Mark as created") if created else gettext("Mark as not created"),
        typed=tuple(form.typed()),
        checks=checks_state(submission) if submission.outcome == Outcome.UNKNOWN else None,
    )


def _resolution(resolved: Submission | PastResolution) -> Resolution:
    return Resolution(
        text=_resolution_text(resolved),
        is_answer=not resolved.resolved_how,
        at=resolved.resolved_at,
        verification=_verification(resolved),
        read_at=resolved.consumer_read_at,
        outcome=resolved.outcome,
        reference=resolved.consumer_ref,
        note=resolved.resolution_note or labels.unreadable_text(resolved, "encrypted_resolution_note"),
    )


def _resolution_text(resolved: Submission | PastResolution) -> str:
    if resolved.resolved_how == ResolvedHow.BY_RECONCILIATION:
        return gettext(
            "Confirmed by reconciliation: this consumer was new on the order and matches every returned"
            " field."
        )
    if not resolved.resolved_how:
        return gettext("Sitecore CDP answered that it had created this consumer.")
    reason = value_label(RESOLUTION_REASON, resolved.resolution_reason)
    return gettext("Resolved by %(who)s: %(reason)s.") % {"who": _who(resolved), "reason": reason}


def _verification(resolved: Submission | PastResolution) -> str:
    if not resolved.resolved_how:
        return gettext("There were doubts about this answer.")
    if resolved.resolved_how == ResolvedHow.BY_RECONCILIATION:
        return gettext("Verified by the portal.")
    if resolved.outcome == Outcome.NOT_CREATED:
        return gettext("Not verified by the portal: no check proves that a consumer does not exist.")
    if resolved.consumer_read_at:
        return gettext("Verified by the portal: it read this consumer on the order.")
    return gettext("Not verified by the portal.")


def _who(resolved: Submission | PastResolution) -> str:
    if resolved.resolved_how == ResolvedHow.BY_RECONCILIATION:
        return gettext("reconciliation")
    return resolved.resolved_by_name or gettext("Sitecore CDP’s answer")


def sent_again(submission: Submission, viewer: Viewer) -> tuple[LaterSubmission, ...]:
    """Later submissions of the same consumer whose consumer exists or may exist, as the viewer sees them."""
    later = selectors.sent_again(submission, content_digests_of(submission))
    return tuple(_later_submission(one, viewer) for one in later)


def _later_submission(later: Submission, viewer: Viewer) -> LaterSubmission:
    may_open = viewer.may_open(later.actor_id)
    url = reverse("consumers:receipt", args=[later.public_id]) if may_open else ""
    return LaterSubmission(url, later.submitted_at, resolution.shown_outcome(later))


def _unread_reason(evidence: Evidence) -> str:
    if not evidence.error_code:
        return ""
    if evidence.error_code == RECONCILIATION_OFF:
        return gettext("checks are turned off")
    if evidence.error_code == LIST_NOT_WHOLE:
        return gettext("it is not in the list of the order, but that list may be incomplete")
    return value_label(ERROR_CODE, evidence.error_code)
