"""The export of the list: the form, the page of an export with its progress, and the download."""

from __future__ import annotations

import logging
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import User
from apps.audit import person_limits
from apps.consumers.permissions import EXPORT_PERSONAL_DATA, EXPORT_SUBMISSIONS, VIEW_ALL_SUBMISSIONS
from apps.consumers.searches import SearchNotUsable
from apps.core import clock
from apps.core.connections import DATABASE_ERRORS
from apps.core.export.formats import Format
from apps.core.export.responses import download, ends_with_connection
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
from apps.core.web.background import background
from apps.core.web.filters import with_query
from apps.core.web.permissions import PermissionMissing, requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history import recording
from apps.history.exports import access, lifecycle, past
from apps.history.exports.delivery import Delivery
from apps.history.exports.lifecycle import Choice
from apps.history.exports.making import ExportBroken
from apps.history.forms.export import ExportForm, moved, values_of, wants_personal
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.models import Export
from apps.history.permissions import VIEW_PAST_EXPORTS
from apps.history.preferences import chosen_columns
from apps.history.presenters.export import ExportPage, export_page, file_name
from apps.history.presenters.filters import chips, filtered_url, in_words
from apps.history.views.selected import filter_form, selection_of

logger = logging.getLogger(__name__)

RETRY_AFTER = 30  # seconds for Retry-After


@requires(EXPORT_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def export(request: HttpRequest) -> HttpResponse:
    """The form: columns and format for the rows of the list. Nothing is exported yet."""
    filters = filter_form(request)
    list_url = filtered_url(reverse("history:submissions"), filters.query())
    if not filters.is_valid():
        return HttpResponseSeeOther(list_url)  # which shows the errors at the fields
    with_personal = request.user.has_perm(EXPORT_PERSONAL_DATA)
    if wants_personal(request.POST) and not with_personal:
        raise PermissionMissing(EXPORT_PERSONAL_DATA)
    selection, repeated = selection_of(filters, request.user), _repeated(request)
    if request.method == "GET":
        values = _initial_values(request, repeated, with_personal=with_personal)
        form = ExportForm(values=values, with_personal=with_personal)
    elif (rearranged := moved(request.POST)) is not None:
        form = ExportForm(values=rearranged, with_personal=with_personal)
    else:
        form = ExportForm(request.POST, with_personal=with_personal)
    count = selection.submissions().count()
    status = HTTPStatus.OK
    if form.is_valid() and not person_limits.allows(person_limits.Act.EXPORT, actor_of(request)):
        form.add_error(None, person_limits.refusal(person_limits.Act.EXPORT))
        status = HTTPStatus.TOO_MANY_REQUESTS
    elif form.is_valid():
        return HttpResponseSeeOther(page_of(prepare(request, filters, form.choice(), rows=count)))
    context = {
        "form": form,
        "errors": form_errors(form),
        "chips": chips(request.path, filters.query(), filters),
        "count": count,
        "repeated": repeated,
        "list_url": list_url,
        "time_zones": dict.fromkeys([timezone.get_current_timezone_name(), "UTC"]),
        "entry_of": sealed_entries.author_token(request),
    }
    if repeated is not None:
        _record_repeated(request, repeated)
    return render(request, "history/export.html", context, status=status)


@requires(EXPORT_SUBMISSIONS, VIEW_PAST_EXPORTS)
@require_GET
def exported(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """The page of one export: ready, running or ended."""
    found, repeated = find_visible(request, export_id), _repeated(request)
    if repeated is not None and repeated != found:  # the page records its own export
        _record_repeated(request, repeated)
    return exported_page(request, found, repeated=repeated)


@background
@requires(EXPORT_SUBMISSIONS)
@require_GET
def progress(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """The part of the export's page that shows the progress."""
    context = {"shown": _page_data(request, _own(request, export_id))}
    return render(request, "history/export_state.html", context)


@requires(EXPORT_SUBMISSIONS)
@require_POST
def cancel(request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
    """Cancel the export and show its page."""
    found = _own(request, export_id)
    lifecycle.cancel(found, actor_of(request))
    return HttpResponseSeeOther(page_of(found))


@requires(EXPORT_SUBMISSIONS)
@require_POST
def file(request: HttpRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """Send the file while it is made. An export can be downloaded once; its page then shows the result."""
    found = _own(request, export_id)
    _check_permissions(request, found)
    actor = actor_of(request)
    try:
        lifecycle.start(found, actor)
    except lifecycle.NotReady:
        return HttpResponseSeeOther(page_of(found))
    except lifecycle.AllSlotsTaken:
        response = exported_page(request, found, busy=True, status=HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    except SearchNotUsable:
        return exported_page(request, found, without_search=True, status=HTTPStatus.CONFLICT)
    except DATABASE_ERRORS:
        logger.exception("export_not_started")
        return exported_page(request, found, not_written=True, status=HTTPStatus.SERVICE_UNAVAILABLE)
    delivery = Delivery(found, actor, session_hash=_session_hash(request), hang_up=_hang_up(request))
    streaming = download(
        delivery,
        file_name=file_name(found, clock.now()),
        content_type=Format(found.format).content_type,
    )
    streaming["X-Accel-Buffering"] = "no"  # otherwise nginx reads ahead of the reader
    try:
        if ends_with_connection(request):
            streaming["Content-Length"] = str(delivery.wait_until_whole())
        else:
            delivery.wait_until_begun()
    except ExportBroken:
        delivery.close()
        return HttpResponseSeeOther(page_of(found))
    return streaming


def prepare(request: HttpRequest, filters: SubmissionFilterForm, choice: Choice, *, rows: int) -> Export:
    """Store the rows of these valid filters and the choice as an export. ``rows``: their number now."""
    return lifecycle.prepare(
        selection_of(filters, request.user),
        choice,
        query=with_query("", filters.query()).removeprefix("?"),
        filters=in_words(filters),
        rows=rows,
        person=actor_of(request),
    )


def _repeated(request: HttpRequest) -> Export | None:
    """The export that the address says is made again. Raises ``Http404`` if the person may not see it."""
    asked = single_value(request.GET, "again")
    if not asked:
        return None
    try:
        return find_visible(request, uuid.UUID(asked))
    except ValueError:
        raise Http404 from None


def _record_repeated(request: HttpRequest, repeated: Export) -> None:
    """Record that a page shows what another person's export had. Call it before the page is shown."""
    if not _is_own(request, repeated):
        recording.record_export_viewed(repeated, with_note=False, actor=actor_of(request))


def _initial_values(request: HttpRequest, repeated: Export | None, *, with_personal: bool) -> dict[str, str]:
    sealed = sealed_entries.unseal(request)
    if sealed is not None:
        return sealed
    if repeated is not None:
        return values_of(repeated, time_zone=repeated.time_zone, with_personal=with_personal)
    return values_of(
        lifecycle.last_of(str(request.user.pk)),
        time_zone=timezone.get_current_timezone_name(),
        listed=chosen_columns(int(request.user.pk or 0)),
    )


def _check_permissions(request: HttpRequest, found: Export) -> None:
    """Raise ``PermissionMissing`` if the person has lost a permission since the export was prepared."""
    for permission in access.permissions_for(found):
        if not request.user.has_perm(permission):
            raise PermissionMissing(permission)


def _session_hash(request: HttpRequest) -> str:
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (a signed-in person, by the permission)
    return user.get_session_auth_hash()


def _hang_up(request: HttpRequest) -> Callable[[], None]:
    """A function that closes the connection, which wakes a server thread waiting for a stalled reader.

    It does nothing under servers other than gunicorn, which do not expose the socket.
    """
    connection: socket.socket | None = request.META.get("gunicorn.socket")

    def hang_up() -> None:
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    return hang_up


def exported_page(
    request: HttpRequest, found: Export, *, status: HTTPStatus = HTTPStatus.OK, **context: Any
) -> HttpResponse:
    """The page of an export, with the messages in ``context``. Another person's is recorded."""
    shown = _page_data(request, found)
    if not shown.is_own:
        # Not the note's text on the page: it may say why the note cannot be read.
        with_note = bool(found.note) and not shown.has_hidden_note
        recording.record_export_viewed(found, with_note=with_note, actor=actor_of(request))
    return render(request, "history/exported.html", {"shown": shown, **context}, status=status)


def find_visible(request: HttpRequest, export_id: uuid.UUID) -> Export:
    """The person's own export, or with the permission any that was started. Raises ``Http404``."""
    found = lifecycle.find(export_id, str(request.user.pk))
    if found is None and request.user.has_perm(VIEW_PAST_EXPORTS):
        found = past.find_started(export_id)
    if found is None:
        raise Http404
    return found


def _page_data(request: HttpRequest, found: Export) -> ExportPage:
    return export_page(
        found,
        reader=str(request.user.pk),
        may_export=request.user.has_perm(EXPORT_SUBMISSIONS),
        # Whoever sees all submissions sees their consumers, too.
        shows_note=_is_own(request, found) or request.user.has_perm(VIEW_ALL_SUBMISSIONS),
    )


def _is_own(request: HttpRequest, found: Export) -> bool:
    return str(found.person_id) == str(request.user.pk)


def _own(request: HttpRequest, export_id: uuid.UUID) -> Export:
    """The person's own export. Raises ``Http404`` for another person's as for an unknown one."""
    found = lifecycle.find(export_id, str(request.user.pk))
    if found is None:
        raise Http404
    return found


def page_of(found: Export) -> str:
    """The address of an export's page."""
    return reverse("history:exported", args=[found.public_id])
