"""Pages that use several apps: the start page and the status page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.permissions import VIEW_STATUS
from apps.batches.views.lists import going_on
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS
from apps.consumers.views import submissions
from apps.core.web.permissions import requires
from apps.history.views.saved_views import watched
from apps.history.views.selected import reader_of
from consumerportal import status


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The start page. For administrators it begins with the critical lines of the status.

    Except the lines for supervisors, who have them on their own start page.
    """
    person = request.user
    lines = status.lines() if person.has_perm(VIEW_STATUS) else ()
    may_list = person.has_perm(VIEW_OWN_SUBMISSIONS) or person.has_perm(VIEW_ALL_SUBMISSIONS)
    views = watched(reader_of(request)) if may_list else None
    # A supervisor's own line leads to the submissions; without that right, only the numbers are shown.
    counts = () if person.has_perm(VIEW_ALL_SUBMISSIONS) else status.open_counts(lines)
    return submissions.start(
        request,
        problems=status.problems(lines),
        counts=counts,
        views=views,
        batches=going_on(request),
    )


@requires(VIEW_STATUS)
@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """The status page."""
    return render(request, "status.html", {"lines": status.lines()})
