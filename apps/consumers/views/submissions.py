"""Views of the start page and of receipts."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from http import HTTPStatus

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
from apps.consumers import labels, recording, selectors
from apps.consumers.forms.note import NoteForm
from apps.consumers.forms.resolution import RESOLUTION_FORMS, ResolutionForm, resolution_forms
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS, VIEW_VENDOR_RECORDS
from apps.consumers.presenters import receipts, resolutions
from apps.consumers.presenters.drafts import expiry_text
from apps.consumers.presenters.lists import (
    RecentOrder,
    StartPage,
    attention_lines,
    lines,
    list_columns,
    own_figures,
    recent_orders,
)
from apps.consumers.reconciliation import checks, circuit_breaker, resolution, taking
from apps.consumers.viewer import Viewer
from apps.consumers.views import drafts
from apps.consumers.views.visible import find_submission
from apps.core import clock
from apps.core.dates import midnight
from apps.core.forms.errors import form_errors
from apps.core.web import sealed_entries
from apps.core.web.back_links import list_address
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of

MAX_LATEST = 5
"""Maximum rows of the person's latest submissions, on the start page."""
MAX_RECENT = 5
"""Maximum number of recent orders on the start page and on Find an order."""
REFRESH_BEFORE_CHECK = datetime.timedelta(seconds=90)
"""A receipt refreshes itself only if the next check is due within this time."""
REFRESH_AFTER_DUE = datetime.timedelta(seconds=60)
"""A receipt stops refreshing itself if the next check is overdue by this time."""


@require_GET
def start(
    request: HttpRequest,
    *,
    problems: Sequence[object] = (),
    counts: Sequence[object] = (),
    views: object = None,
    batches: Sequence[object] = (),
) -> HttpResponse:
    """Show what the person may do, what needs attention, and their own latest submissions.

    ``problems``: lines of the portal's status that the person has to act on, ``counts``: those that only tell
    them numbers. ``views``: the person's saved views of submissions with their numbers
    (:class:`apps.history.presenters.watched.WatchedViews`). ``batches``: their lists of people that are not
    ended.
    """
    page = None
    if request.user.has_perm(VIEW_OWN_SUBMISSIONS) or request.user.has_perm(VIEW_ALL_SUBMISSIONS):
        viewer = Viewer.of(request.user)
        latest = [*selectors.visible_submissions(viewer.restricted_to_own())[:MAX_LATEST]]
        page = _start_page(viewer, latest)
        recording.record_listed(latest, viewer=viewer, actor=actor_of(request))
    context = {
        "page": page,
        "problems": problems,
        "counts": counts,
        "views": views,
        "batches": batches,
        "drafts": drafts.lines_for(request),
        "draft_expiry": expiry_text(),
    }
    return render(request, "consumers/start.html", context)


def _start_page(viewer: Viewer, latest: Sequence[Submission]) -> StartPage:
    today = timezone.localdate(clock.now())
    outcomes = selectors.own_outcomes_since(viewer.person_id, midnight(today))
    return StartPage(
        recent_orders=recent_orders_of(viewer),
        attention=attention_lines(
            selectors.pending(viewer, overdue_before=taking.overdue_before()),
            may_resolve=viewer.may_resolve,
            opens_single=True,
        ),
        today=own_figures(outcomes, today, viewer),
        latest=lines(latest),
        columns=list_columns(),
    )


def recent_orders_of(viewer: Viewer) -> tuple[RecentOrder, ...]:
    """The orders that the person used last, latest first."""
    latest = selectors.recent_orders(viewer.person_id, limit=MAX_RECENT)
    refs = [one.order_ref for one in latest]
    return recent_orders(latest, selectors.created_on_orders(viewer.person_id, refs))


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS, submission="public_id")
@require_GET
def receipt(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Show the receipt of a submission. It only reads: reloading never sends."""
    submission = find(request, public_id)
    forms: list[ResolutionForm] = []
    note_form: NoteForm | None = None
    if Viewer.of(request.user).may_resolve:
        sealed = sealed_forms(request, submission)
        if isinstance(sealed, HttpResponse):
            return sealed
        typed, note_form = sealed
        if submission.needs_resolution or typed:
            forms = resolution_forms(submission, typed)
    if submission.outcome != Outcome.SENDING:  # that page shows no personal data, and refreshes itself
        recording.record_viewed(submission, actor_of(request))
    return receipt_page(request, submission, forms, note_form=note_form)


@requires(VIEW_VENDOR_RECORDS, submission="public_id")
@require_http_methods(["POST"])
def check_now(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Check now: read the order immediately instead of at the scheduled time."""
    submission = find(request, public_id)
    try:
        checks.check_now(submission, actor=actor_of(request), client=get_client())
    except checks.CheckNotRun as refusal:
        if submission.outcome == Outcome.UNKNOWN:
            messages.info(request, _not_run_text(refusal))
    return to_receipt(public_id)


def _not_run_text(refusal: checks.CheckNotRun) -> str:
    if not settings.CDP_RECONCILIATION:
        return _("Checks are turned off.")
    if refusal.until is None:
        return _("Checked moments ago. Try again in a few seconds.")
    until = date_format(timezone.localtime(refusal.until), "H:i:s")
    paused = _("Checks are paused until %(time)s.") % {"time": until}
    return f"{paused} {labels.read_error_text(circuit_breaker.state().error_code)}".strip()


def to_receipt(public_id: uuid.UUID) -> HttpResponse:
    """Redirect to the receipt of a submission."""
    return HttpResponseSeeOther(reverse("consumers:receipt", args=[public_id]))


def receipt_page(
    request: HttpRequest,
    submission: Submission,
    forms: Sequence[ResolutionForm],
    *,
    note_form: NoteForm | None = None,
) -> HttpResponse:
    """Render the receipt, with the resolution forms if given. ``note_form``: a note that is not stored."""
    page = receipts.receipt_page(submission, Viewer.of(request.user), get_client(), forms=forms)
    context = {
        "list_url": list_address(request, reverse("history:submissions")),
        "page": page,
        "resolution_forms": forms,
        "note_form": note_form or NoteForm(),
        "errors": [
            error for form in (*forms, *([note_form] if note_form else [])) for error in form_errors(form)
        ],
        "entry_of": sealed_entries.author_token(request),
    }
    response = render(request, "consumers/receipt.html", context)
    seconds = _refresh_seconds(submission, is_stuck=page.is_stuck)
    if seconds and not forms and note_form is None:  # a refresh would discard what was entered in a form
        response["Refresh"] = str(seconds)  # works without JavaScript
    return response


def _refresh_seconds(submission: Submission, *, is_stuck: bool) -> int:
    """Seconds until the receipt of an open submission may change; 0 if it changes only by a person's action.

    Also 0 if an expected change is overdue, because each refresh renews the session and is recorded.
    """
    if submission.outcome == Outcome.SENDING:
        return 0 if is_stuck else 3
    if (
        submission.outcome != Outcome.UNKNOWN
        or submission.next_check_at is None
        or not settings.CDP_RECONCILIATION
    ):
        return 0
    wait = submission.next_check_at - clock.now()
    return max(round(wait.total_seconds()), 2) + 3 if -REFRESH_AFTER_DUE < wait < REFRESH_BEFORE_CHECK else 0


def sealed_forms(
    request: HttpRequest, submission: Submission
) -> tuple[dict[str, str], NoteForm | None] | HttpResponse:
    """What was posted to the forms of the receipt after the session ended: the resolution, and the note.

    The resolution is empty and the note None if there is none. Returns a response if the submission was
    resolved meanwhile: the page that shows the lost resolution. The note stays sealed for the receipt.
    """
    resolving, note = (
        reverse(f"consumers:{name}", args=[submission.public_id]) for name in ("resolve", "note")
    )
    typed = sealed_entries.peek(request, resolving) or {}
    chosen = RESOLUTION_FORMS.get(typed.get("outcome", ""))
    as_seen = typed.get("seen", "") == resolution.version_of(submission)
    if chosen is None or (as_seen and resolution.can_be_resolved(submission)):
        _resolution, values = sealed_entries.unseal_each(request, [resolving, note])
        return typed, NoteForm(initial=values) if values else None
    sealed_entries.unseal(request, path=resolving)
    posted = QueryDict(mutable=True)
    posted.update(typed)
    return lost_page(request, submission, chosen(submission, posted))


def lost_page(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Render the page for a resolution that was not saved because the submission has changed meanwhile."""
    typed = {form.add_prefix(name): str(form[name].value() or "") for name in form.fields}
    context = {
        "page": resolutions.lost_page(submission, form),
        "resolution_forms": resolution_forms(submission, typed)
        if resolution.can_be_resolved(submission)
        else [],
        "entry_of": sealed_entries.author_token(request),
    }
    return render(request, "consumers/resolve_lost.html", context, status=HTTPStatus.CONFLICT)


def find(request: HttpRequest, public_id: uuid.UUID) -> Submission:
    """The submission. Raises ``Http404`` if it does not exist, :class:`PermissionMissing` for another's."""
    submission = find_submission(request, public_id)
    if submission is None:
        raise Http404
    return submission
