"""The start page, and the receipts of submissions."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.cdp.factory import get_client
from apps.consumers import events, looks, presenters, selectors, settling
from apps.consumers.forms.settling import SETTLE_FORMS, MarkAsCreatedForm, SettleForm
from apps.consumers.models import Outcome, SettleReason, Submission
from apps.core import kept_entries
from apps.core.form_errors import form_errors
from apps.core.form_input import single
from apps.core.permissions import requires
from apps.core.redirects import HttpResponseSeeOther
from apps.core.requests import actor_of

MOST_UNKNOWN = 50
ON_START_PAGE = 5
LOOKS_SOON = datetime.timedelta(seconds=90)  # a reader may be waiting for it
STILL_EXPECTED = datetime.timedelta(seconds=60)  # after the time at which something should have happened
SEE_ALL = "consumers.view_all_submissions"
SEE_OWN = "consumers.view_own_submissions"


@require_GET
def start(request: HttpRequest, *, problems: Sequence[object] = ()) -> HttpResponse:
    """What the person may do; unknown outcomes on top, then their own latest submissions.

    ``problems``: lines of the portal's state that the person has to know of.
    """
    context: dict[str, Any] = {}
    if request.user.has_perm(SEE_OWN) or request.user.has_perm(SEE_ALL):
        person, everybody = str(request.user.pk), request.user.has_perm(SEE_ALL)
        every_unknown = selectors.unknown_submissions(person, everybody=everybody)
        unknown = every_unknown[:MOST_UNKNOWN]
        contradicted = selectors.contradicted_submissions(person, everybody=everybody)[:MOST_UNKNOWN]
        doubtful = selectors.doubtful_submissions(person, everybody=everybody)[:MOST_UNKNOWN]
        latest = selectors.visible_submissions(person, everybody=False)[:ON_START_PAGE]
        context = {
            "unknown": [presenters.line(submission) for submission in unknown],
            "contradicted": [presenters.line(submission) for submission in contradicted],
            "doubtful": [presenters.line(submission) for submission in doubtful],
            "latest": [presenters.line(submission) for submission in latest],
        }
        shown = sum(len(lines) for lines in context.values())
        context["unknown_count"] = every_unknown.count()  # by the index of the open ones, which are few
        events.record_listed(count=shown, everybody=everybody, actor=actor_of(request))
    return render(request, "consumers/start.html", {**context, "problems": problems})


@requires(SEE_OWN, SEE_ALL)
@require_GET
def receipt(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The permanent address of a submission. It only reads: a reload never sends."""
    submission = _find(request, public_id)
    forms = _settle_forms(request, submission)
    if submission.outcome != Outcome.SENDING:  # whose page shows no personal data, and looks again by itself
        events.record_viewed(submission, actor_of(request))
    return _receipt_page(request, submission, forms)


@requires("consumers.look_up_vendor_records")
@require_http_methods(["POST"])
def check_now(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Check now: read the order at once, instead of at the next set time."""
    submission = _find(request, public_id)
    try:
        looks.look_now(submission, actor=actor_of(request), client=get_client())
    except looks.LookNotTaken as refusal:
        if submission.outcome == Outcome.UNKNOWN:
            messages.info(request, _not_taken_words(refusal))
    return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))


def _not_taken_words(refusal: looks.LookNotTaken) -> str:
    if refusal.until is None:
        return _("The order was not read just now. Look again in a moment.")
    until = date_format(timezone.localtime(refusal.until), "H:i:s")
    return _("Sitecore CDP does not answer look-ups. The portal waits until %(time)s.") % {"time": until}


@requires("consumers.settle_submission")
@require_http_methods(["POST"])
def settle(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Mark as created, or Mark as not created."""
    submission = _find(request, public_id)
    if not settling.can_be_settled(submission):
        return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))
    chosen = SETTLE_FORMS.get(single(request.POST, "outcome"))
    if chosen is None:
        raise Http404
    form = chosen(request.POST)
    if form.is_valid():
        try:
            settling.settle(
                submission,
                outcome=form.outcome,
                reason=SettleReason(form.cleaned_data["reason"]),
                note=form.cleaned_data["note"],
                consumer_ref=form.cleaned_data.get("consumer_ref", ""),
                actor=actor_of(request),
            )
        except settling.ReferenceClaimed:
            form.add_error("consumer_ref", _("Another submission was settled with this consumer reference"))
        except settling.NotUnknown:
            return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))
        else:
            return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))
    forms = [form if isinstance(form, kind) else kind() for kind in _settle_kinds(submission)]
    events.record_viewed(submission, actor_of(request))
    return _receipt_page(request, submission, forms)


def _receipt_page(request: HttpRequest, submission: Submission, forms: Sequence[SettleForm]) -> HttpResponse:
    errors = [error for form in forms for error in form_errors(form)]
    context = {
        **presenters.receipt(submission, get_client()),
        "settle_forms": forms,
        "errors": errors,
        "entry_of": kept_entries.mark(request),
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
    now = datetime.datetime.now(datetime.UTC)
    if submission.outcome == Outcome.SENDING:
        return 3 if now - submission.deadline < settling.longest_send() + STILL_EXPECTED else 0
    if submission.outcome != Outcome.UNKNOWN or submission.next_look_at is None or not settings.CDP_LOOK_UPS:
        return 0
    wait = submission.next_look_at - now
    return max(round(wait.total_seconds()), 2) + 3 if -STILL_EXPECTED < wait < LOOKS_SOON else 0


def _settle_forms(request: HttpRequest, submission: Submission) -> list[SettleForm]:
    if not (settling.can_be_settled(submission) and request.user.has_perm("consumers.settle_submission")):
        return []
    kept = kept_entries.take(request, path=reverse("consumers:settle", args=[submission.public_id]))
    return [kind(initial=kept or _suggested(submission, kind)) for kind in _settle_kinds(submission)]


def _suggested(submission: Submission, kind: type[SettleForm]) -> dict[str, str]:
    """The reference that a look-up or a late answer found, where it is the only one."""
    if kind is not MarkAsCreatedForm:
        return {}
    found = [submission.late_consumer_ref] if submission.late_consumer_ref else submission.matching_refs
    return {"consumer_ref": found[0]} if len(found) == 1 else {}


def _settle_kinds(submission: Submission) -> list[type[SettleForm]]:
    """Both ways; only "created" where a late answer has named the consumer."""
    return [MarkAsCreatedForm] if submission.late_consumer_ref else list(SETTLE_FORMS.values())


def _find(request: HttpRequest, public_id: uuid.UUID) -> Submission:
    """The submission, or 404: one that the person may not see is no different from none."""
    everybody = request.user.has_perm(SEE_ALL)
    submission = selectors.find_visible(public_id, str(request.user.pk), everybody=everybody)
    if submission is None:
        raise Http404
    return submission
