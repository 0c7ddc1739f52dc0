"""A supervisor resolves an unknown submission, or corrects a resolution."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.cdp.factory import get_client
from apps.consumers import recording, selectors
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
from apps.consumers.views.submissions import find, lost_page, reader_of, receipt_page, typed_before
from apps.core import sealed_entries
from apps.core.form_errors import form_errors
from apps.core.form_input import single_value
from apps.core.permissions import requires
from apps.core.redirects import HttpResponseSeeOther
from apps.core.references import same_reference
from apps.core.requests import actor_of

CONFIRM, CHANGE = "confirm", "change"
"""What a form asks for: mark as shown, or change what was entered. Otherwise the consumer is read first."""


@requires(RESOLVE_SUBMISSION)
@require_http_methods(["GET", "POST"])
def resolve(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Mark as created, after what was sent was compared with what the portal read; or as not created."""
    submission = find(request, public_id)
    if request.method == "POST":
        return _posted(request, submission)
    if not resolution.can_be_resolved(submission):
        return _to_receipt(submission)
    typed = typed_before(request, submission)
    if isinstance(typed, HttpResponse):
        return typed
    return _forms_page(request, submission, resolution_forms(submission, typed))


def _posted(request: HttpRequest, submission: Submission) -> HttpResponse:
    chosen = RESOLUTION_FORMS.get(single_value(request.POST, "outcome"))
    if chosen is None:
        raise Http404
    form = chosen(submission, request.POST)
    as_seen = single_value(request.POST, "seen") == resolution.version_of(submission)
    if not as_seen or not resolution.can_be_resolved(submission):
        return _too_late(request, submission, form)
    if chosen not in allowed_resolution_forms(submission):
        raise Http404
    step = single_value(request.POST, "step")
    if step == CHANGE:
        typed = {name: single_value(request.POST, name) for name in request.POST}
        return _forms_page(request, submission, resolution_forms(submission, typed))
    if not form.is_valid():
        return _with_errors(request, submission, form)
    if form.outcome is not Outcome.CREATED:
        return _resolved(request, submission, form, None)
    if selectors.submissions_with_reference(form.cleaned_data["consumer_ref"], besides=submission):
        return _claimed(request, submission, form)
    sealed = single_value(request.POST, "created-evidence")
    reference = form.cleaned_data["consumer_ref"]
    shown = evidence.unseal(sealed, submission, reference, actor_of(request)) if step == CONFIRM else None
    if shown is None:
        return _shown(request, submission, form)
    compared = ComparedForm(request.POST)
    if shown.consumer is None and not compared.is_valid():
        return _confirmation(request, submission, form, shown, compared)
    return _resolved(request, submission, form, shown)


def _shown(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """The consumer as the portal reads it now, for the supervisor to compare and to confirm."""
    reference = form.cleaned_data["consumer_ref"]
    try:
        read = evidence.read_consumer(submission, reference, actor=actor_of(request), client=get_client())
    except evidence.NotThisConsumer as refusal:
        form.add_error("consumer_ref", _refused_words(refusal))
        return _with_errors(request, submission, form)
    return _confirmation(request, submission, form, read)


def _refused_words(refusal: evidence.NotThisConsumer) -> str:
    if refusal.code == evidence.NOT_ON_ORDER:
        return _("The order in Sitecore CDP has no consumer with this reference")
    return _("Sitecore CDP answers with another consumer under this reference")


def _confirmation(
    request: HttpRequest,
    submission: Submission,
    form: ResolutionForm,
    read: Evidence,
    compared: ComparedForm | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    sealed = evidence.seal(read, submission, actor)
    reader = reader_of(request)
    context = resolutions.confirmation(submission, read, form, sealed=sealed, reader=reader)
    context["compared_form"] = compared or ComparedForm()
    context["errors"] = form_errors(compared) if compared else []
    recording.record_viewed(submission, actor)
    return render(
        request, "consumers/resolve_confirm.html", {**context, "entry_of": sealed_entries.mark(request)}
    )


def _resolved(
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
        return _claimed(request, submission, form)
    except resolution.NotUnknown:
        return _too_late(request, find(request, submission.public_id), form)
    return _to_receipt(submission)


def _claimed(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """The reference belongs to another submission: the form says so and leads there."""
    reference = form.cleaned_data["consumer_ref"]
    form.add_error("consumer_ref", _("This consumer belongs to another submission"))
    owners = selectors.submissions_with_reference(reference, besides=submission)
    form.owners = [reverse("consumers:receipt", args=[owner.public_id]) for owner in owners]
    return _with_errors(request, submission, form)


def _too_late(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    """Somebody else was quicker, unless this very form arrived twice."""
    if _is_repeat(request, submission, form):
        return _to_receipt(submission)
    return lost_page(request, submission, form)


def _is_repeat(request: HttpRequest, submission: Submission, form: ResolutionForm) -> bool:
    """Whether the submission is as this person has just resolved it with the same values."""
    own = submission.is_resolved and submission.resolved_by_id == request.user.pk
    if not own or submission.outcome != form.outcome:
        return False
    values = {name: str(form[name].value() or "").strip() for name in form.fields}
    reference = values.get("consumer_ref", "")
    return (
        (not reference or same_reference(reference, submission.consumer_ref))
        and values["reason"] == submission.resolution_reason
        and values["note"] == submission.resolution_note
    )


def _with_errors(request: HttpRequest, submission: Submission, form: ResolutionForm) -> HttpResponse:
    others = resolution_forms(submission)
    forms = [form if isinstance(form, type(other)) else other for other in others]
    return _forms_page(request, submission, forms)


def _forms_page(request: HttpRequest, submission: Submission, forms: list[ResolutionForm]) -> HttpResponse:
    recording.record_viewed(submission, actor_of(request))
    return receipt_page(request, submission, forms)


def _to_receipt(submission: Submission) -> HttpResponse:
    return HttpResponseSeeOther(reverse("consumers:receipt", args=[submission.public_id]))
