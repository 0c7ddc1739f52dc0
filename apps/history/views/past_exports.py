"""The list of past exports, and an export made again with the same choices."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from apps.audit import person_limits
from apps.consumers import searches
from apps.consumers.permissions import EXPORT_SUBMISSIONS
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import form_errors
from apps.core.web.filters import page_url, read_position, with_query
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history import recording
from apps.history.exports import past
from apps.history.forms.export import repeated
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.forms.past_exports import PastExportsForm
from apps.history.models import Export
from apps.history.permissions import VIEW_PAST_EXPORTS
from apps.history.presenters.export import again_url, filters_of
from apps.history.presenters.past_exports import export_line, past_export_chips
from apps.history.views.export import exported_page, find_visible, page_of, prepare
from apps.history.views.selected import selection_of

PAGE_SIZE = 50


@requires(VIEW_PAST_EXPORTS)
@require_GET
def past_exports(request: HttpRequest) -> HttpResponse:
    """The exports of all people, newest first. Opening the list is recorded."""
    position = read_position(request.GET, past.NEWEST_BY)
    form = PastExportsForm(request.GET)
    if not form.is_valid():
        return render(request, "history/past_exports.html", {"form": form, "errors": form_errors(form)})
    asked, values = form.asked(), form.query()
    page = past.page_of_exports(asked, size=PAGE_SIZE, position=position)
    recording.record_exports_listed(count=len(page.rows), filters=asked.names(), actor=actor_of(request))
    labels = {name: field.label for name, field in form.fields.items()}
    people = dict(getattr(form.fields["person"], "choices"))  # noqa: B009  # unknown to the type of a field
    context: dict[str, Any] = {
        "form": form,
        "lines": [export_line(export, reader=str(request.user.pk)) for export in page.rows],
        "may_export": request.user.has_perm(EXPORT_SUBMISSIONS),
        "chips": past_export_chips(request.path, values, form.cleaned_data, labels, people),
        "first_url": with_query(request.path, values) if position else "",
        "newer_url": page_url(request.path, values, page.newer),
        "older_url": page_url(request.path, values, page.older),
    }
    return render(request, "history/past_exports.html", context)


@requires(EXPORT_SUBMISSIONS)
@require_POST
def again(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """Prepare an export with the choices of this one, and lead to its page with both numbers of rows.

    Redirect to the form if the person has to decide: personal columns need a reason, and what another
    person's search finds has to be looked at first.
    """
    found, actor = find_visible(request, export_id), actor_of(request)
    search = past.search_of_another(found, reader=actor.id)
    if search is not None:
        return _with_search(request, found, search)
    form_url, choice = again_url(found, filters_of(found)), repeated(found)
    filters = SubmissionFilterForm(QueryDict(form_url.partition("?")[2]), viewer=Viewer.of(request.user))
    if choice is None or not filters.is_valid():
        return HttpResponseSeeOther(form_url)
    if not person_limits.allows(person_limits.Act.EXPORT, actor):
        return _refused(request, found, person_limits.Act.EXPORT)
    rows = selection_of(filters, request.user).submissions().count()
    prepared = prepare(request, filters, choice, rows=rows)
    return HttpResponseSeeOther(with_query(page_of(prepared), {}, again=str(found.public_id)))


def _with_search(request: HttpRequest, found: Export, search: uuid.UUID) -> HttpResponse:
    """Lead to the export form with another person's search.

    The search is recorded as one of this person's: an address can name only those.
    """
    actor = actor_of(request)
    if not person_limits.allows(person_limits.Act.SEARCH, actor):
        return _refused(request, found, person_limits.Act.SEARCH)
    try:
        token = searches.seal(searches.record_again(search, actor=actor))
    except searches.SearchNotUsable:
        return exported_page(request, found, without_search=True, status=HTTPStatus.CONFLICT)
    return HttpResponseSeeOther(again_url(found, {**filters_of(found), "search": token}))


def _refused(request: HttpRequest, found: Export, act: person_limits.Act) -> HttpResponse:
    refusal = person_limits.refusal(act)
    return exported_page(request, found, refusal=refusal, status=HTTPStatus.TOO_MANY_REQUESTS)
