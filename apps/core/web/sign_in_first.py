"""The answer to a form that arrives without a session: its entry is sealed, and its author signs in first."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.core.limits import Limit
from apps.core.web import sealed_entries

SEALED_ENTRIES = Limit("sealed_entry", max_acts=20, seconds=60 * 60)
"""Sealed entries of one person. A token cannot be forged, but it can be posted repeatedly."""


def seal_and_sign_in(request: HttpRequest) -> HttpResponse | None:
    """Seal the posted entry and redirect to the sign-in page; None if the form has no valid token.

    Beyond :data:`SEALED_ENTRIES`, or with as many entries as a session stores, nothing is sealed, and the
    answer is a page that says so.
    """
    author = sealed_entries.author_of(request)
    if not author:
        return None
    page = _referring_page(request, default=request.get_full_path())
    if SEALED_ENTRIES.acquire(author) is None or not sealed_entries.seal(request, page=page):
        context = sealed_entries.to_send_again(request)
        return render(request, "errors/entry_not_sealed.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    messages.warning(
        request,
        _("Your session had ended. Nothing was sent. Sign in, and your entry comes back filled in."),
    )
    return redirect_to_login(page)


def sign_in(request: HttpRequest, *, default: str) -> HttpResponse:
    """Redirect to the sign-in page, and from there to the page that contained the form.

    The form's action may accept only POST. ``default``: the address if the request does not name that page.
    """
    return redirect_to_login(_referring_page(request, default=default))


def _referring_page(request: HttpRequest, *, default: str) -> str:
    """Path and query of the Referer if it is a page of this host, otherwise ``default``."""
    try:
        page = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # not a URL, such as http://[
        return default
    if page.netloc != request.get_host() or not page.path.startswith("/") or page.path.startswith("//"):
        return default
    return urlunsplit(("", "", page.path, page.query, ""))
