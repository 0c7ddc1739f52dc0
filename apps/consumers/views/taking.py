"""Views to take a submission that is to be resolved, to release it, and to write a note on it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.consumers import recording
from apps.consumers.forms.note import NoteForm
from apps.consumers.forms.resolution import resolution_forms
from apps.consumers.permissions import RESOLVE_SUBMISSION
from apps.consumers.reconciliation import taking
from apps.consumers.views.submissions import find, receipt_page, to_receipt
from apps.core.forms.input import single_value
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@requires(RESOLVE_SUBMISSION, submission="public_id")
@require_http_methods(["POST"])
def take(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Take the submission, or take it over from the person whose id the form contains."""
    submission = find(request, public_id)
    holder = single_value(request.POST, "holder")
    over_from = holder if holder.isascii() and holder.isdecimal() and len(holder) < 19 else ""
    try:
        taking.take(submission, actor=actor_of(request), over_from=over_from)
    except taking.TakenByAnother:
        messages.info(request, _("This submission was taken or resolved in the meantime."))
    return to_receipt(submission.public_id)


@requires(RESOLVE_SUBMISSION, submission="public_id")
@require_http_methods(["POST"])
def release(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Release the submission for others."""
    submission = find(request, public_id)
    taking.release(submission, actor=actor_of(request))
    return to_receipt(submission.public_id)


@requires(RESOLVE_SUBMISSION, submission="public_id")
@require_http_methods(["GET", "POST"])
def note(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Store a note. By GET, to which signing in may lead: the receipt, which shows a sealed note."""
    submission = find(request, public_id)
    if request.method != "POST":
        return to_receipt(submission.public_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            taking.add_note(submission, form.cleaned_data["note_text"], actor=actor_of(request))
        except taking.TooManyNotes:
            text = _("This submission has %(count)s notes, and cannot have more")
            form.add_error("note_text", text % {"count": taking.MAX_NOTES})
        else:
            return to_receipt(submission.public_id)
    recording.record_viewed(submission, actor_of(request))
    forms = resolution_forms(submission) if submission.needs_resolution else []
    return receipt_page(request, submission, forms, note_form=form)
