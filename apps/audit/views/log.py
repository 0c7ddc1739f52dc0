"""The audit log: a list with filters, and single events. Reading is recorded too."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.audit import selectors, services
from apps.audit.forms.log import LogFilterForm
from apps.audit.integrity.past_verifications import standing_problem
from apps.audit.integrity.valid_macs import verdict_of
from apps.audit.permissions import VIEW_LOG
from apps.audit.presenters import events as presenters
from apps.core.forms.errors import form_errors
from apps.core.web.filters import page_url, read_position, with_query
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

PAGE_SIZE = 50


@requires(VIEW_LOG)
@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """List the events that match the filters in the URL, newest or oldest first."""
    position = read_position(request.GET, selectors.NEWEST_BY)
    form = LogFilterForm(request.GET)
    problem = standing_problem()
    context: dict[str, Any] = {
        "form": form,
        "problem": problem,
        "problem_sentence": presenters.sentence(problem) if problem else "",
    }
    if not form.is_valid():
        return render(request, "audit/log.html", {**context, "errors": form_errors(form)})
    asked, oldest_first = form.asked(), form.cleaned_data["sort"] == "oldest"
    last = selectors.last_event()  # later ones, also that of this view, are neither listed nor counted
    page = selectors.page_of_log(
        asked, last=last, size=PAGE_SIZE, position=position, oldest_first=oldest_first
    )
    services.record_log_viewed(asked, [event.seq for event in page.rows], actor=actor_of(request))
    people = dict(selectors.people())
    labels = {name: field.label for name, field in form.fields.items()}
    context |= {
        "lines": [presenters.line(event, people, request.user.has_perm) for event in page.rows],
        "chips": presenters.chips(request.path, request.GET, form.cleaned_data, labels, people),
        "groups": presenters.group_links(request.path, request.GET, form.cleaned_data["group"]),
        "matches": selectors.count_matches(asked, last=last) if asked.is_selective else None,
        "counted": selectors.COUNTED,
        "is_selective": asked.is_selective,
        "export_url": with_query(reverse("audit:export"), request.GET, sort=""),
        "failures_url": "" if asked.failures else with_query(request.path, request.GET, failures="1"),
        "oldest_first": oldest_first,
        "other_order_url": with_query(request.path, request.GET, sort="" if oldest_first else "oldest"),
        "first_url": with_query(request.path, request.GET) if position else "",
        "newer_url": page_url(request.path, request.GET, page.newer),
        "older_url": page_url(request.path, request.GET, page.older),
    }
    return render(request, "audit/log.html", context)


@requires(VIEW_LOG)
@require_GET
def event(request: HttpRequest, seq: int) -> HttpResponse:
    """Show one event with its fields, timelines and related events."""
    found = selectors.find_event(seq)
    if found is None:
        raise Http404
    services.record_event_viewed(seq, actor=actor_of(request))
    page = presenters.event_page(
        found,
        dict(selectors.people()),
        verdict=verdict_of(found),
        same_request=selectors.same_request(found),
        same_submission=selectors.same_submission(found),
        may=request.user.has_perm,
    )
    return render(request, "audit/event.html", {"page": page})
