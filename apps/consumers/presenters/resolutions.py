"""Resolutions into what the pages show: who gave which outcome, what the portal itself read, and what was
replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from apps.audit.labels import value_label
from apps.consumers import selectors
from apps.consumers.audit_keys import ERROR_CODE, RESOLUTION_REASON
from apps.consumers.forms.resolution import ResolutionForm
from apps.consumers.models import Outcome, PastResolution, ResolvedHow, Submission
from apps.consumers.presenters import receipts
from apps.consumers.reconciliation import resolution
from apps.consumers.reconciliation.doubts import doubts, resolution_doubts
from apps.consumers.reconciliation.evidence import LIST_NOT_WHOLE, RECONCILIATION_OFF, Evidence


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution, for the receipt. ``note`` is for supervisors only.

    ``is_answer``: it is an answer of Sitecore CDP that a supervisor's resolution has replaced.
    """

    words: str
    is_answer: bool
    at: datetime | None
    verification: str
    read_at: datetime | None
    outcome: str
    reference: str
    note: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the page."""

    person_id: str
    sees_all: bool
    may_resolve: bool


@dataclass(frozen=True, slots=True)
class Again:
    """A later submission of the same consumer; ``url`` is empty for who may not open it."""

    url: str
    submitted_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Why what a supervisor entered was not saved, and what it was: labels and texts."""

    title: str
    outcome: str
    reference: str
    at: datetime | None
    button: str
    typed: tuple[tuple[str, str], ...]


def receipt(submission: Submission, reader: Reader, *, forms: Sequence[ResolutionForm]) -> dict[str, Any]:
    """What the receipt shows of the resolution, beside what :func:`presenters.receipt` gives."""
    if not submission.is_resolved:
        return {"version": resolution.version_of(submission)}
    past = list(submission.past_resolutions.order_by("id"))
    correctable = not resolution.needs_resolution(submission)
    context = {
        "version": resolution.version_of(submission),
        "resolution": _resolution(submission),
        "past_resolutions": [_resolution(one) for one in past],
        "correcting": correctable and bool(forms),
    }
    if correctable and reader.may_resolve and not forms:
        context["correct_url"] = reverse("consumers:resolve", args=[submission.public_id])
    if forms or Outcome.CREATED in (submission.outcome, *(one.outcome for one in past)):
        context["sent_again"] = _sent_again(submission, reader)
    context["resolution_doubts"] = resolution_doubts(submission)
    if submission.outcome == Outcome.CREATED and not is_verified(submission):
        context |= {"panel_kind": "warning", "headline": unverified_headline(submission)}
    elif context["resolution_doubts"]:
        context |= {"panel_kind": "warning", "headline": doubted_headline(submission)}
    return context


def is_verified(resolved: Submission | PastResolution) -> bool:
    """Whether the portal itself read the consumer that a submission is resolved with."""
    return resolved.resolved_how == ResolvedHow.BY_RECONCILIATION or resolved.consumer_read_at is not None


def unverified_headline(submission: Submission) -> str:
    """The receipt's title where nobody but a person says that the consumer exists."""
    return gettext("Marked as created by %(who)s, not verified") % {"who": submission.resolved_by_name}


def doubted_headline(submission: Submission) -> str:
    """The receipt's title where something speaks against the consumer that a person marked."""
    return gettext("Marked as created by %(who)s, but there are warnings") % {
        "who": submission.resolved_by_name
    }


def confirmation(
    submission: Submission, evidence: Evidence, form: ResolutionForm, *, sealed: str, reader: Reader
) -> dict[str, Any]:
    """What was sent beside what was read, before a submission is marked as created."""
    return {
        "submission": submission,
        "version": resolution.version_of(submission),
        "reference": evidence.consumer_ref,
        "entered": form.typed()[1:],  # the reference stands above
        "read": evidence.consumer is not None,
        "read_at": evidence.at,
        "unread": _unread_words(evidence),
        "rows": receipts.compared(submission.consumer, evidence.consumer),
        "erased": not submission.encrypted_consumer,
        "unreadable": submission.is_unreadable,
        "doubts": doubts(submission, evidence.consumer_ref, evidence.consumer),
        "sent_again": _sent_again(submission, reader),
        "hidden": [
            ("created-consumer_ref", evidence.consumer_ref),
            ("created-reason", form["reason"].value()),
            ("created-note", form["note"].value() or ""),
            ("created-evidence", sealed),
        ],
    }


def lost(submission: Submission, form: ResolutionForm) -> Lost:
    """For the supervisor whose resolution came too late."""
    if submission.outcome == Outcome.SENDING:
        title = gettext("This submission is being sent")
    else:
        title = gettext("Already resolved by %(who)s") % {"who": _who(submission)}
    created = form.outcome is Outcome.CREATED
    return Lost(
        title,
        outcome=submission.outcome,
        reference=submission.consumer_ref,
        at=submission.resolved_at or submission.finished_at,
        button=gettext("Mark as created") if created else gettext("Mark as not created"),
        typed=tuple(form.typed()),
    )


def _resolution(resolved: Submission | PastResolution) -> Resolution:
    return Resolution(
        words=_words(resolved),
        is_answer=not resolved.resolved_how,
        at=resolved.resolved_at,
        verification=_verification(resolved),
        read_at=resolved.consumer_read_at,
        outcome=resolved.outcome,
        reference=resolved.consumer_ref,
        note=resolved.resolution_note,
    )


def _words(resolved: Submission | PastResolution) -> str:
    if resolved.resolved_how == ResolvedHow.BY_RECONCILIATION:
        return gettext(
            "Confirmed by reconciliation: this consumer was new on the order and matches in every field that"
            " Sitecore CDP returns."
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


def _sent_again(submission: Submission, reader: Reader) -> list[Again]:
    return [_again(later, reader) for later in selectors.sent_again(submission)]


def _again(later: Submission, reader: Reader) -> Again:
    may_open = reader.sees_all or str(later.actor_id) == reader.person_id
    url = reverse("consumers:receipt", args=[later.public_id]) if may_open else ""
    return Again(url, later.submitted_at, later.outcome)


def _unread_words(evidence: Evidence) -> str:
    if not evidence.error_code:
        return ""
    if evidence.error_code == RECONCILIATION_OFF:
        return gettext("look-ups are turned off")
    if evidence.error_code == LIST_NOT_WHOLE:
        return gettext("it is not in the list of the order, but that list may lack consumers")
    return value_label(ERROR_CODE, evidence.error_code)
