"""Middleware without a business word."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers
from django_structlog.middlewares import RequestMiddleware
from django_structlog.signals import bind_extra_request_failed_metadata

from apps.core.connections import is_away
from apps.core.requests import origin_of, support_code


class RequestLogMiddleware(RequestMiddleware):
    """The request log tells the route of an address, such as ``/orders/<vendor_reference:ref>/``.

    Never the address itself: queries and paths hold what people type and what links keep secret.
    """

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        if request.path.startswith(settings.STATIC_URL):
            return f"{request.method} {request.path}"
        try:
            return f"{request.method} /{resolve(request.path_info).route}"
        except Resolver404:
            return f"{request.method} (no such address)"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Name the client's address as the audit log and the limits do, whatever a stranger's header says."""
        structlog.contextvars.bind_contextvars(ip=origin_of(request).client_address)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Name the person in the line; a database that is away must not take the line itself away."""
        with suppress(DatabaseError, InterfaceError):
            RequestMiddleware.bind_user_id(request)


@receiver(bind_extra_request_failed_metadata)
def name_the_status_of_the_page(exception: Exception, log_kwargs: dict[str, Any], **_: Any) -> None:
    """The line of a fault says 503 where the page does; django-structlog takes every fault for a 500."""
    if is_away(exception):
        log_kwargs["code"] = int(HTTPStatus.SERVICE_UNAVAILABLE)


class PermissionsPolicyMiddleware:
    """Every answer says that no page uses a device or a sensor. Copy buttons write to the clipboard.

    Only features that browsers know: Chromium warns about others with each page.
    """

    POLICY = ", ".join(
        [
            *(f"{feature}=()" for feature in (
                "accelerometer", "autoplay", "camera", "clipboard-read",
                "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer",
                "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
            )),
            "clipboard-write=(self)",
        ]
    )  # fmt: skip

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Permissions-Policy"] = self.POLICY
        return response


class NoStoreMiddleware:
    """No page of the portal is kept by a browser or a proxy: almost all of them show personal data.

    Static files are answered before this by WhiteNoise and keep their own long life.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        add_never_cache_headers(response)  # no-cache, no-store, must-revalidate, private
        return response


class InPageAnswerMiddleware:
    """Tells a script that sends a form where a redirect leads: the browser then goes there itself.

    The script could only follow a redirect unseen: the page would be read twice, and be on record twice.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("Portal-Form") == "in-page" and response.has_header("Location"):
            response["Portal-Location"] = response["Location"]
            del response["Location"]
            response.status_code = HTTPStatus.NO_CONTENT
        return response


class MethodNotAllowedPageMiddleware:
    """A 405 is a page in the portal's look; Django answers with an empty one and has no handler for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.method == "HEAD":
            return response
        page = render(
            request, "405.html", {"support_code": support_code(request)}, status=response.status_code
        )
        page["Allow"] = response["Allow"]  # RFC 9110, 15.5.6
        return page
