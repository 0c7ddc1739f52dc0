"""Liveness, readiness, and the error pages."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from apps.core.connections import DATABASE_ERRORS, commit_was_attempted, is_database_unavailable
from apps.core.encryption import MissingKeyError
from apps.core.forms.input import ConflictingValues
from apps.core.keyset import UnreadableKey
from apps.core.web import readiness, sealed_entries
from apps.core.web.background import is_background
from apps.core.web.context_processors import environment_label
from apps.core.web.failures import Effects, effects_of
from apps.core.web.filters import UnreadableAddress
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import support_code
from apps.core.web.sign_in_first import seal_and_sign_in
from apps.core.web.uploads import FileRefused

TOO_LARGE_ERRORS = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
PLAIN_TEXT = "text/plain; charset=utf-8"


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness: the process answers. Uses no database, so that an outage does not restart every process."""
    return HttpResponse("ok", content_type=PLAIN_TEXT)


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness: 200 or 503. The answer is public, so failed checks are named only in the log."""
    if readiness.failures_in_time():
        return HttpResponse("not ready", status=HTTPStatus.SERVICE_UNAVAILABLE, content_type=PLAIN_TEXT)
    return HttpResponse("ready", content_type=PLAIN_TEXT)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400. Answers 413 if the request is too large."""
    if isinstance(exception, TOO_LARGE_ERRORS):
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
    """CSRF_FAILURE_VIEW: the CSRF token is missing or old. Django logs the reason; nothing was done.

    A person who has signed in again in another window sends an old token: the entry is sealed, and the page
    comes back filled in, after a sign-in if the newer session has ended too. The form of another person than
    the one who is signed in now is refused, so that its author does not lose the entry. A request that a page
    makes by itself gets an answer for its script.
    """
    person = getattr(request, "user", None)  # missing if an earlier middleware refused the request
    is_signed_in = person is not None and person.is_authenticated
    of_another = is_signed_in and sealed_entries.is_of_another(request)
    if request.resolver_match is not None and is_background(request.resolver_match.func):
        problem = {"problem": sealed_entries.DRAFT_OF_ANOTHER} if of_another else {}
        return JsonResponse(problem, status=HTTPStatus.FORBIDDEN)
    if person is not None and not is_signed_in and _has_no_session_to_lose(request):
        answer = seal_and_sign_in(request)
        if answer is not None:
            return answer
    page = request.get_full_path()
    if is_signed_in and not of_another and sealed_entries.seal(request, page=page):
        return HttpResponseSeeOther(page)
    context = {
        "support_code": support_code(request),
        "of_another": of_another,
        **sealed_entries.to_send_again(request),
    }
    return render(request, "errors/csrf.html", context, status=HTTPStatus.FORBIDDEN)


def _has_no_session_to_lose(request: HttpRequest) -> bool:
    """Whether an anonymous request proves that this browser sends cookies, and has no session.

    Session and CSRF cookie are both SameSite=Lax, so a form of another site brings neither. A new session in
    the answer would then replace the one that the person has. Without cookies an entry could not come back.
    """
    return settings.CSRF_COOKIE_NAME in request.COOKIES


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. Answers 503 if the database does not answer, or this process lacks a key in use."""
    error = sys.exc_info()[1]  # Django calls this while the exception is being handled
    effects = effects_of(request)
    context: dict[str, Any] = {
        "unchanged": _changed_nothing(request, error, effects),
        "may_be_sent": effects.may_be_sent,
    }
    context["key_missing"] = isinstance(error, MissingKeyError)
    if is_database_unavailable(error) or context["key_missing"]:
        context["never_twice"] = effects.never_twice
        context |= sealed_entries.to_send_again(request)
        return _plain_page(request, "503.html", HTTPStatus.SERVICE_UNAVAILABLE, **context)
    return _plain_page(request, "500.html", HTTPStatus.INTERNAL_SERVER_ERROR, **context)


def _changed_nothing(request: HttpRequest, error: BaseException | None, effects: Effects) -> bool:
    """Whether the request certainly changed nothing: change and event are one transaction, which failed.

    False if a commit was attempted: the change is done, or its confirmation was lost.
    False as well if the answer was ready when the database failed.
    """
    if request.method != "POST" or getattr(request, "answer_was_ready", False) or commit_was_attempted():
        return False
    return isinstance(error, DATABASE_ERRORS) and not effects.in_steps


def _plain_page(request: HttpRequest, template: str, status: HTTPStatus, **context: Any) -> HttpResponse:
    """Render a page without context processors, user and session, because those may be what failed."""
    context = {
        "environment_label": environment_label(),
        "is_practice": settings.PRACTICE_MODE,
        "support_code": support_code(request),
        **context,
    }
    return HttpResponse(render_to_string(template, context), status=status)
