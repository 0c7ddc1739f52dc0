"""Views to resolve an unknown submission or correct a resolution, for supervisors."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.cdp.factory import get_client
from apps.consumers import recording, selectors
from apps.consumers.forms.note import NoteForm
from apps.consumers.forms.resolution import (
    RESOLUTION_FORMS,
    ComparedForm,
    ResolutionForm,
    allowed_resolution_forms,
    resolution_forms,
)
from apps.consumers.models import Outcome, ResolutionReason, Submission
from apps.consumers.permissions import RESOLVE_SUBMISSION
from apps.consumers.presenters import resolutions
from apps.consumers.reconciliation import evidence, resolution
from apps.consumers.reconciliation.evidence import Evidence
from apps.consumers.viewer import Viewer
from apps.consumers.views.submissions import find, lost_page, receipt_page, sealed_forms, to_receipt
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.references import same_reference
from apps.core.web import sealed_entries
from apps.core.web.failures import Effects, if_it_fails
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

CONFIRM, CHANGE = "confirm", "change"
"""Posted steps: mark as created as shown, or change the entry. Any other value reads the consumer first."""


@if_it_fails(Effects(never_twice=True))
@requires(RESOLVE_SUBMISSION, submission="public_id")
@require_http_methods(["GET", "POST"])
def resolve(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Mark as created, after a comparison of what was sent with what the portal read, or as not created."""
    submission = find(request, public_id)
    if request.method == "POST":
        return _process_post(request, submission)
    if not resolution.can_be_resolved(submission):
        return to_receipt(submission.public_id)
    sealed = sealed_forms(request, submission)
    if isinstance(sealed, HttpResponse):
        return sealed
    typed, note_form = sealed
    return _forms_page(request, submission, resolution_forms(submission, typed), note_form)


def _process_post(request: HttpRequest, submission: Submission) -> HttpResponse:
    chosen = RESOLUTION_FORMS.get(single_value(request.POST, "outcome"))
    if chosen is None:
        raise Http404
    form = chosen(submission, request.POST)
    as_seen = single_value(request.POST, "seen") == resolution.version_of(submission)
    if not as_seen or not resolution.can_be_resolved(submission):
        return _too_late_page(request, submission, form)
    if chosen not in allowed_resolution_forms(submission):
        raise Http404
    step = single_value(request.POST, "step")
    if step == CHANGE:
        typed = {name: single_value(request.POST, name) for name in request.POST}
        return _forms_page(request, submission, resolution_forms(submission, typed))
    if not form.is_valid():
        return _error_page(request, submission, form)
    if form.outcome is not Outcome.CREATED:
        return _resolve(request, submission, form, None)
    if selectors.submissions_with_reference(form.cleaned_data["consumer_ref"], besides=submission):
        return _claimed_page(request, submission, form)
    sealed = single_value(request.POST, "created-evidence")
    reference = form.cleaned_data["consumer_ref"]
    shown = evidence.unseal(sealed, submission, reference, actor_of(request)) if step == CONFIRM else None
    if shown is None:
        return _read_consumer(request, submission, form)
    compared = ComparedForm(request.POST)
    if shown.consumer is None and not compared.is_valid():
        return _confirmation_page(request, submission, form, shown, compared)
    return _resolve(request, submission, form, shown)


def _read_consumer(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Read the consumer and show it, for the supervisor to compare and confirm."""
    reference = form.cleaned_data["consumer_ref"]
    try:
        read = evidence.read_consumer(submission, reference, actor=actor_of(request), client=get_client())
    except evidence.NotThisConsumer as refusal:
        form.add_error("consumer_ref", _refusal_text(refusal))
        return _error_page(request, submission, form)
    return _confirmation_page(request, submission, form, read)


def _refusal_text(refusal: evidence.NotThisConsumer) -> str:
    if refusal.code == evidence.NOT_ON_ORDER:
        return _("The order in Sitecore CDP has no consumer with this reference")
    return _("Sitecore CDP returns another consumer for this reference")


def _confirmation_page(
    request: HttpRequest,
    submission: Submission,
    form: ResolutionForm,
    read: Evidence,
    compared: ComparedForm | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    sealed = evidence.seal(read, submission, actor)
    viewer = Viewer.of(request.user)
    page = resolutions.confirmation_page(submission, read, form, sealed=sealed, viewer=viewer)
    errors = form_errors(compared) if compared else []
    recording.record_viewed(submission, actor)
    context = {
        "page": page,
        "errors": errors,
        "compared_form": compared or ComparedForm(),
        "entry_of": sealed_entries.author_token(request),
    }
    return render(request, "consumers/resolve_confirm.html", context)


def _resolve(
    request: HttpRequest, submission: Submission, form: ResolutionForm, read: Evidence | None
) -> HttpResponse:
    try:
        resolution.resolve(
            submission,
            outcome=form.outcome,
            reason=ResolutionReason(form.cleaned_data["reason"]),
            note=form.cleaned_data["note"],
            consumer_ref=read.consumer_ref if read else "",
            evidence=read,
            actor=actor_of(request),
        )
    except resolution.ReferenceClaimed:
        return _claimed_page(request, submission, form)
    except resolution.NotUnknown:
        return _too_late_page(request, find(request, submission.public_id), form)
    return to_receipt(submission.public_id)


def _claimed_page(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Show the form with the error that another submission has the reference, and a link to it."""
    reference = form.cleaned_data["consumer_ref"]
    form.add_error("consumer_ref", _("This consumer belongs to another submission"))
    owners = selectors.submissions_with_reference(reference, besides=submission)
    form.owners = [reverse("consumers:receipt", args=[owner.public_id]) for owner in owners]
    return _error_page(request, submission, form)


def _too_late_page(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Report that it has changed meanwhile; redirect to the receipt if the form was posted twice."""
    if _is_repeat(request, submission, form):
        return to_receipt(submission.public_id)
    return lost_page(request, submission, form)


def _is_repeat(request: HttpRequest, submission: Submission, form: ResolutionForm) -> bool:
    """Whether this person has already resolved the submission with the same values."""
    own = submission.is_resolved and submission.resolved_by_id == request.user.pk
    if not own or submission.outcome != form.outcome:
        return False
    try:  # as stored: by the fields only, because the form refuses a resolution that changes nothing
        values = {name: field.clean(form[name].value()) for name, field in form.fields.items()}
    except ValidationError:
        return False
    return (
        ("consumer_ref" not in values or same_reference(values["consumer_ref"], submission.consumer_ref))
        and values["reason"] == submission.resolution_reason
        and values["note"] == submission.resolution_note
    )


def _error_page(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    others = resolution_forms(submission)
    forms = [form if isinstance(form, type(other)) else other for other in others]
    return _forms_page(request, submission, forms)


def _forms_page(
    request: HttpRequest,
    submission: Submission,
    forms: list[ResolutionForm],
    note_form: NoteForm | None = None,
) -> HttpResponse:
    recording.record_viewed(submission, actor_of(request))
    return receipt_page(request, submission, forms, note_form=note_form)
