"""Middleware for sessions, the redirect to sign-in, and the person's time zone."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.sign_in import sessions
from apps.core.connections import DATABASE_ERRORS, is_database_unavailable
from apps.core.limits import Limit, network_of
from apps.core.time_zones import find_zone
from apps.core.web.background import is_background
from apps.core.web.requests import is_for_part, origin_of
from apps.core.web.sign_in_first import seal_and_sign_in, sign_in

ANONYMOUS_SESSIONS = Limit("anonymous_session", max_acts=60, seconds=10 * 60)
"""Sessions of one address that contain only a message. Beyond it the sign-in page shows no message."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PortalSessionMiddleware(SessionMiddleware):
    """Django's session middleware, but it returns the view's response even if the session ended meanwhile.

    Example: a person signs out in another window while a create is in progress. The response still redirects
    to the receipt (through the sign-in page) instead of showing an error page.
    """

    def process_request(self, request: HttpRequest) -> None:
        # An invalid session key would be passed to the database, which rejects NUL in text.
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "").isalnum():
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except DATABASE_ERRORS:
            if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                request.answer_was_ready = True  # type: ignore[attr-defined]  # read by the error page
                raise
            return response  # the page already reports the database failure; the session stays unchanged
        except SessionInterrupted as interruption:
            if _database_is_away(interruption):
                return response  # the session stays unchanged; the view's work is done
            response.delete_cookie(
                settings.SESSION_COOKIE_NAME,
                path=settings.SESSION_COOKIE_PATH,
                domain=settings.SESSION_COOKIE_DOMAIN,
                samesite="Lax",
            )
            return response


def _database_is_away(error: BaseException | None) -> bool:
    """Whether a lost database caused the error: Django reports every failed write as a lost session."""
    while error is not None:
        if is_database_unavailable(error):
            return True
        error = error.__context__
    return False


class SessionLimitsMiddleware:
    """End sessions at the absolute limit, record those that have expired, and restart the idle time.

    Must come after Django's AuthenticationMiddleware. A request without a session cookie needs no query.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            if request.user.is_authenticated:
                sessions.end_if_too_old(request)
            else:
                sessions.close_if_expired(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_arguments: Any) -> None:
        """Restart the idle time, unless the page has sent the request by itself."""
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
        if has_session and not is_background(view):
            sessions.renew(request)


class SignInFirstMiddleware(LoginRequiredMiddleware):
    """Redirects anonymous visitors to the sign-in page, and seals an entry that they posted with a token."""

    def handle_no_permission(  # type: ignore[override]  # may also return a page
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if is_background(view_func) or is_for_part(request):
            return JsonResponse({}, status=HTTPStatus.UNAUTHORIZED)
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        answer = seal_and_sign_in(request)
        if answer is not None:
            return answer
        if _may_have_a_session(request):
            messages.warning(request, _("Your session had ended. Nothing was done."))
        return sign_in(request, default=reverse("start"))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer a request whose view found that the session had ended meanwhile."""
        if not isinstance(exception, sessions.SessionEnded) or request.resolver_match is None:
            return None
        auth.logout(request)
        return self.handle_no_permission(request, request.resolver_match.func)


def _may_have_a_session(request: HttpRequest) -> bool:
    """Whether a message can be stored: the visitor has a session, or may get a new one."""
    address = network_of(origin_of(request).client_address)
    return bool(request.session.keys()) or ANONYMOUS_SESSIONS.acquire(address) is not None


class TimeZoneMiddleware:
    """Show times in the person's zone, or in the portal's zone if they have chosen none."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_of(request)):
            return self.get_response(request)


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The person's zone. None (the portal's zone) if anonymous or if this machine has no such zone."""
    user = request.user
    if not user.is_authenticated or not user.time_zone:
        return None
    return find_zone(user.time_zone)
