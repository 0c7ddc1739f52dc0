"""What the portal does with the person of each request: end old sessions, speak in their time zone."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from apps.accounts import sessions

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
