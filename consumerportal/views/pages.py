"""Pages that use several apps: the start page and the status page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.permissions import VIEW_STATUS
from apps.consumers.views import submissions
from apps.core.web.permissions import requires
from consumerportal import status


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The start page. For administrators it begins with the critical lines of the status."""
    problems = status.problems() if request.user.has_perm(VIEW_STATUS) else ()
    return submissions.start(request, problems=problems)


@requires(VIEW_STATUS)
@require_GET
def state(request: HttpRequest) -> HttpResponse:
    """The status page."""
    return render(request, "status.html", {"lines": status.lines()})
