"""What the portal does with the person of each request: end old sessions, speak in their time zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import sessions
from apps.core import kept_entries

GetResponse = Callable[[HttpRequest], HttpResponseBase]


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

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        if request.method == "POST" and kept_entries.keep(request):
            messages.warning(
                request,
                _("Your session had ended. Nothing was sent. Sign in, and your entry comes back filled in."),
            )
        return super().handle_no_permission(request, view_func)


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
