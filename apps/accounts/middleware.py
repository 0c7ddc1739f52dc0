"""What the portal does with the person of each request: end old sessions, speak in their time zone."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import sessions
from apps.core import sealed_entries
from apps.core.connections import is_away
from apps.core.limits import Limit, network_of
from apps.core.requests import origin_of

SEALED_ENTRIES = Limit("sealed_entry", most=20, seconds=60 * 60)
"""Sealed entries of one person. A mark needs a sign-in, but can be sent any number of times."""
ANONYMOUS_SESSIONS = Limit("anonymous_session", most=60, seconds=10 * 60)
"""Sessions of one address that hold nothing but a message. Beyond it the sign-in page lacks the words."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PortalSessionMiddleware(SessionMiddleware):
    """Django's, but what a request has done is told even when its session ended meanwhile.

    Somebody who signs out in another window while a create is on its way still gets the way to the receipt
    instead of an error page: it leads through the sign-in.
    """

    def process_request(self, request: HttpRequest) -> None:
        # A cookie that is no key of ours would reach the database, which refuses NUL in a text.
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "").isalnum():
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except (DatabaseError, InterfaceError):
            if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                request.answer_was_ready = True  # type: ignore[attr-defined]  # for the page of the failure
                raise
            return response  # the page says already that the database is away; the session stays as it was
        except SessionInterrupted as interruption:
            if _database_is_away(interruption):
                return response  # the session stays as it was; what was done is told all the same
            response.delete_cookie(
                settings.SESSION_COOKIE_NAME,
                path=settings.SESSION_COOKIE_PATH,
                domain=settings.SESSION_COOKIE_DOMAIN,
                samesite="Lax",
            )
            return response


def _database_is_away(error: BaseException | None) -> bool:
    """Whether a lost database is behind it: Django takes every failed write for a lost session."""
    while error is not None:
        if is_away(error):
            return True
        error = error.__context__
    return False


class SessionLimitsMiddleware:
    """Ends sessions at the absolute limit and tells the audit log of those that ended by idle time.

    Stands behind Django's AuthenticationMiddleware. A request without a session cookie costs nothing.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            if request.user.is_authenticated:
                sessions.end_if_too_old(request)
            else:
                sessions.close_if_idle(request)
        return self.get_response(request)


class SignInFirstMiddleware(LoginRequiredMiddleware):
    """Leads nobody to the sign-in page, and keeps what they had sent from a marked form."""

    def handle_no_permission(  # type: ignore[override]  # a page is an answer, too
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        owner = sealed_entries.owner_of(request)
        if owner and SEALED_ENTRIES.take(owner) is None:
            return render(request, "errors/entry_not_sealed.html", status=HTTPStatus.TOO_MANY_REQUESTS)
        if sealed_entries.seal(request):
            messages.warning(
                request,
                _("Your session had ended. Nothing was sent. Sign in, and your entry comes back filled in."),
            )
            otherwise = request.get_full_path()
        else:
            if _may_have_a_session(request):
                messages.warning(request, _("Your session had ended. Nothing was done."))
            otherwise = reverse("start")
        # Back to the page that the form stood on: the form's own address may take nothing but a POST.
        return redirect_to_login(_page_of_the_form(request, otherwise=otherwise))


def _may_have_a_session(request: HttpRequest) -> bool:
    """Whether a message may wait in the visitor's session: in the row that is there, or in a new one."""
    address = network_of(origin_of(request).client_address)
    return bool(request.session.keys()) or ANONYMOUS_SESSIONS.take(address) is not None


def _page_of_the_form(request: HttpRequest, *, otherwise: str) -> str:
    """The address that the browser says the form stood on, if it is one of ours."""
    try:
        page = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # not even an address, such as http://[
        return otherwise
    if page.netloc != request.get_host() or not page.path.startswith("/") or page.path.startswith("//"):
        return otherwise
    return urlunsplit(("", "", page.path, page.query, ""))


class TimeZoneMiddleware:
    """Shows times in the zone of the person, or in the setting's where they have chosen none."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone_of(request)):
            return self.get_response(request)


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The person's zone; None, the setting's, for nobody and for a name that this machine does not know."""
    user = request.user
    if not user.is_authenticated or not user.time_zone:
        return None
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return None
