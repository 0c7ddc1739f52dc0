"""Liveness, readiness, and the pages for what went wrong before a view could answer."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from apps.core import readiness, sealed_entries
from apps.core.connections import is_away
from apps.core.context_processors import environment_words
from apps.core.filters import UnreadableAddress
from apps.core.form_input import ConflictingValues
from apps.core.keyset import UnreadableKey
from apps.core.redirects import HttpResponseSeeOther
from apps.core.requests import support_code
from apps.core.uploads import FileRefused

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
SENDS = "consumers:new"  # the one form behind which something leaves the portal


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing else, so that a lost database does not restart every process."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process may be given people. What fails is in the log, not in the answer: it is public."""
    if readiness.failures_in_time():
        return HttpResponse("not ready", status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain")
    return HttpResponse("ready", content_type="text/plain")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400; 413 where more was sent than the portal takes."""
    if isinstance(exception, TOO_MUCH):
        return _plain_page(request, "413.html", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return _plain_page(
        request,
        "400.html",
        HTTPStatus.BAD_REQUEST,
        named_twice=isinstance(exception, ConflictingValues),
        unreadable_key=isinstance(exception, UnreadableKey),
        unreadable_address=isinstance(exception, UnreadableAddress),
        file_refused=isinstance(exception, FileRefused),
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    context = {"support_code": support_code(request)}
    return render(request, "404.html", context, status=HTTPStatus.NOT_FOUND)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: the form's secret is missing or old. Django logs the reason; nothing was done.

    Somebody who signed in again in another window sends an old secret with a good form: it comes back filled.
    """
    person = getattr(request, "user", None)  # not there when an earlier middleware refused
    if person is not None and person.is_authenticated and sealed_entries.seal(request):
        return HttpResponseSeeOther(request.get_full_path())
    context = {"support_code": support_code(request)}
    return render(request, "errors/csrf.html", context, status=HTTPStatus.FORBIDDEN)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; 503 where the database does not answer: that passes."""
    error = sys.exc_info()[1]  # Django calls this while the exception is being handled
    context: dict[str, Any] = {
        "unchanged": _changed_nothing(request, error),
        "may_be_sent": _view_of(request) == SENDS,
    }
    if is_away(error):
        context["entry"] = sealed_entries.sent_again(request)
        return _plain_page(request, "503.html", HTTPStatus.SERVICE_UNAVAILABLE, **context)
    return _plain_page(request, "500.html", HTTPStatus.INTERNAL_SERVER_ERROR, **context)


def _changed_nothing(request: HttpRequest, error: BaseException | None) -> bool:
    """Whether what was sent here is undone for certain: act and event are one transaction, and it failed.

    Not where the answer was ready when the database failed: the act is done then, and only the session was
    not written.
    """
    if request.method != "POST" or getattr(request, "answer_was_ready", False):
        return False
    return isinstance(error, (DatabaseError, InterfaceError)) and _view_of(request) != SENDS


def _view_of(request: HttpRequest) -> str:
    """The name of the view that was reached; empty where the request came to none."""
    return request.resolver_match.view_name if request.resolver_match else ""


def _plain_page(request: HttpRequest, template: str, status: HTTPStatus, **context: Any) -> HttpResponse:
    """A page without context processors, person and session: what they need may be what is broken."""
    context = {
        "environment_words": environment_words(),
        "is_practice": settings.PRACTICE_MODE,
        "support_code": support_code(request),
        **context,
    }
    return HttpResponse(render_to_string(template, context), status=status)
