"""Middleware that is independent of the business: request log, headers, caching, redirects, 405 pages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers
from django_structlog.middlewares import RequestMiddleware
from django_structlog.signals import bind_extra_request_failed_metadata

from apps.core.connections import DATABASE_ERRORS, is_database_unavailable
from apps.core.web.requests import is_in_page, origin_of, support_code


class RequestLogMiddleware(RequestMiddleware):
    """Logs the route of a request, such as ``/orders/<vendor_reference:ref>/``, instead of its address.

    Addresses contain what people typed, and secrets of one-time links.
    """

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        if request.path.startswith(settings.STATIC_URL):
            return f"{request.method} {request.path}"
        try:
            match = request.resolver_match or resolve(request.path_info)
            return f"{request.method} /{match.route}"
        except Resolver404:
            return f"{request.method} (no such address)"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Log the client's address as the audit log and the limits do; forged headers have no effect."""
        structlog.contextvars.bind_contextvars(ip=origin_of(request).client_address)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Log the person; without a database, log the line without the person."""
        with suppress(*DATABASE_ERRORS):
            RequestMiddleware.bind_user_id(request)


@receiver(bind_extra_request_failed_metadata)
def set_logged_status(exception: Exception, log_kwargs: dict[str, Any], **_: Any) -> None:
    """Log status 503 if the page has it; django-structlog logs every exception as 500."""
    if is_database_unavailable(exception):
        log_kwargs["code"] = int(HTTPStatus.SERVICE_UNAVAILABLE)


class PageCompressionMiddleware(GZipMiddleware):
    """Compresses pages and their parts. Django's padding hides their exact length (the attack BREACH).

    Files are sent as they are: a download keeps its length, and an export its speed.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress HTML for a browser that accepts gzip."""
        is_page = isinstance(response, HttpResponse) and response.get("Content-Type", "").startswith(
            "text/html"
        )
        if not is_page:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed


class PermissionsPolicyMiddleware:
    """Adds a Permissions-Policy that denies devices and sensors; copy buttons may write to the clipboard.

    The list has only features that browsers know: Chromium logs a warning for others on each page.
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
    """Forbids browsers and proxies to store pages: almost all of them show personal data.

    WhiteNoise answers requests for static files before this middleware, with its own cache headers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        add_never_cache_headers(response)  # no-cache, no-store, must-revalidate, private
        return response


class InPageAnswerMiddleware:
    """Turns a redirect for a script into 204 with a ``Portal-Location`` header; the script navigates there.

    ``fetch`` follows redirects itself: the page would be loaded twice, and its view recorded twice.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if is_in_page(request) and response.has_header("Location"):
            response["Portal-Location"] = response["Location"]
            del response["Location"]
            response.status_code = HTTPStatus.NO_CONTENT
        return response


class MethodNotAllowedPageMiddleware:
    """Renders a page for status 405. Django has no handler for it and answers with an empty body."""

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
