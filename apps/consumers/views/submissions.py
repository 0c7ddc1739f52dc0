"""The start page, and the receipts of submissions."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.cdp.factory import get_client
from apps.consumers import recording, selectors
from apps.consumers.forms.resolution import RESOLUTION_FORMS, ResolutionForm, resolution_forms
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import (
    RESOLVE_SUBMISSION,
    VIEW_ALL_SUBMISSIONS,
    VIEW_OWN_SUBMISSIONS,
    VIEW_VENDOR_RECORDS,
)
from apps.consumers.presenters import receipts, resolutions
from apps.consumers.presenters.resolutions import Reader
from apps.consumers.reconciliation import checks, resolution
from apps.core import clock, sealed_entries
from apps.core.form_errors import form_errors
from apps.core.permissions import requires
from apps.core.redirects import HttpResponseSeeOther
from apps.core.requests import actor_of

MAX_UNKNOWN = 50
ON_START_PAGE = 5
LOOKS_SOON = datetime.timedelta(seconds=90)  # a reader may be waiting for it
STILL_EXPECTED = datetime.timedelta(seconds=60)  # after the time at which something should have happened


@require_GET
def start(request: HttpRequest, *, problems: Sequence[object] = ()) -> HttpResponse:
    """What the person may do; unknown outcomes on top, then their own latest submissions.

    ``problems``: lines of the portal's state that the person has to know of.
    """
    context: dict[str, Any] = {}
    if request.user.has_perm(VIEW_OWN_SUBMISSIONS) or request.user.has_perm(VIEW_ALL_SUBMISSIONS):
        person, everybody = str(request.user.pk), request.user.has_perm(VIEW_ALL_SUBMISSIONS)
        every_unknown = selectors.unknown_submissions(person, everybody=everybody)
        unknown = every_unknown[:MAX_UNKNOWN]
        contradicted = selectors.contradicted_submissions(person, everybody=everybody)[:MAX_UNKNOWN]
        doubtful = selectors.doubtful_submissions(person, everybody=everybody)[:MAX_UNKNOWN]
        latest = selectors.visible_submissions(person, everybody=False)[:ON_START_PAGE]
        context = {
            "unknown": [receipts.line(submission) for submission in unknown],
            "contradicted": [receipts.line(submission) for submission in contradicted],
            "doubtful": [receipts.line(submission) for submission in doubtful],
            "latest": [receipts.line(submission) for submission in latest],
        }
        shown = sum(len(lines) for lines in context.values())
        context["unknown_count"] = every_unknown.count()  # by the index of the open ones, which are few
        recording.record_listed(count=shown, everybody=everybody, actor=actor_of(request))
    return render(request, "consumers/start.html", {**context, "problems": problems})


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_GET
def receipt(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The permanent address of a submission. It only reads: a reload never sends."""
    submission = find(request, public_id)
    forms: list[ResolutionForm] = []
    if request.user.has_perm(RESOLVE_SUBMISSION):
        typed = typed_before(request, submission)
        if isinstance(typed, HttpResponse):
            return typed
        if resolution.needs_resolution(submission) or typed:
            forms = resolution_forms(submission, typed)
    if submission.outcome != Outcome.SENDING:  # whose page shows no personal data, and looks again by itself
        recording.record_viewed(submission, actor_of(request))
    return receipt_page(request, submission, forms)


@requires(VIEW_VENDOR_RECORDS)
@require_http_methods(["POST"])
def check_now(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Check now: read the order at once, instead of at the next set time."""
    submission = find(request, public_id)
    try:
        checks.check_now(submission, actor=actor_of(request), client=get_client())
    except checks.CheckNotRun as refusal:
        if submission.outcome == Outcome.UNKNOWN:
            messages.info(request, _not_run_text(refusal))
    return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))


def _not_run_text(refusal: checks.CheckNotRun) -> str:
    if not settings.CDP_RECONCILIATION:
        return _("Look-ups are turned off.")
    if refusal.until is None:
        return _("Checked moments ago. Try again in a few seconds.")
    until = date_format(timezone.localtime(refusal.until), "H:i:s")
    return _("Sitecore CDP does not answer look-ups. The portal waits until %(time)s.") % {"time": until}


def receipt_page(
    request: HttpRequest, submission: Submission, forms: Sequence[ResolutionForm]
) -> HttpResponse:
    """The receipt, with the forms that a supervisor resolves it by, if any."""
    errors = [error for form in forms for error in form_errors(form)]
    context = {
        **receipts.receipt(submission, get_client()),
        **resolutions.receipt(submission, reader_of(request), forms=forms),
        "resolution_forms": forms,
        "errors": errors,
        "entry_of": sealed_entries.mark(request),
    }
    response = render(request, "consumers/receipt.html", context)
    seconds = _looks_again_in(submission)
    if seconds and not forms:  # a form that somebody is filling in must not go away
        response["Refresh"] = str(seconds)  # works without script
    return response


def _looks_again_in(submission: Submission) -> int:
    """Seconds until the page of an open submission may say something new; 0 where it waits for people.

    Not for ever: each time renews the session and is a view on record.
    """
    now = clock.now()
    if submission.outcome == Outcome.SENDING:
        return 3 if now - submission.deadline < resolution.longest_send() + STILL_EXPECTED else 0
    if (
        submission.outcome != Outcome.UNKNOWN
        or submission.next_check_at is None
        or not settings.CDP_RECONCILIATION
    ):
        return 0
    wait = submission.next_check_at - now
    return max(round(wait.total_seconds()), 2) + 3 if -STILL_EXPECTED < wait < LOOKS_SOON else 0


def reader_of(request: HttpRequest) -> Reader:
    """What the signed-in person may see and do."""
    user = request.user
    return Reader(
        str(user.pk),
        sees_all=user.has_perm(VIEW_ALL_SUBMISSIONS),
        may_resolve=user.has_perm(RESOLVE_SUBMISSION),
    )


def typed_before(request: HttpRequest, submission: Submission) -> dict[str, str] | HttpResponse:
    """What a supervisor had posted when their session had ended, by the names of the form; empty for nothing.

    The page that says so, where the submission was resolved meanwhile.
    """
    path = reverse("consumers:resolve", args=[submission.public_id])
    sealed = sealed_entries.unseal(request, path=path) or {}
    chosen = RESOLUTION_FORMS.get(sealed.get("outcome", ""))
    as_seen = sealed.get("seen", "") == resolution.version_of(submission)
    if chosen is None or (as_seen and resolution.can_be_resolved(submission)):
        return sealed
    values = QueryDict(mutable=True)
    values.update(sealed)
    return lost_page(request, submission, chosen(submission, values))


def lost_page(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Already resolved: what the supervisor entered was not saved, and is shown."""
    typed = {form.add_prefix(name): str(form[name].value() or "") for name in form.fields}
    context = {
        "lost": resolutions.lost(submission, form),
        "submission": submission,
        "version": resolution.version_of(submission),
        "resolution_forms": resolution_forms(submission, typed)
        if resolution.can_be_resolved(submission)
        else [],
        "correcting": submission.is_resolved,
        "entry_of": sealed_entries.mark(request),
    }
    return render(request, "consumers/resolve_lost.html", context, status=HTTPStatus.CONFLICT)


def find(request: HttpRequest, public_id: uuid.UUID) -> Submission:
    """The submission, or 404: one that the person may not see is no different from none."""
    everybody = request.user.has_perm(VIEW_ALL_SUBMISSIONS)
    submission = selectors.find_visible(public_id, str(request.user.pk), everybody=everybody)
    if submission is None:
        raise Http404
    return submission
