"""View to download a range of the audit log."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.audit import export, person_limits, selectors
from apps.audit.forms.export import ExportForm
from apps.audit.forms.log import LogFilterForm
from apps.audit.labels import GROUP_LABELS, WITH_SYSTEM
from apps.audit.permissions import VIEW_LOG
from apps.audit.presenters.events import chips
from apps.audit.selectors import LogFilter
from apps.core import clock
from apps.core.export.formats import Format
from apps.core.export.responses import dated_name, download, ends_with_connection
from apps.core.forms.errors import form_errors
from apps.core.web.filters import Chip, with_query
from apps.core.web.lasting_access import while_access_lasts
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@requires(VIEW_LOG)
@require_http_methods(["GET", "POST"])
def export_log(request: HttpRequest) -> HttpResponseBase:
    """Show the form; on POST, stream the file, whose size is not known in advance.

    The address has the filters of the log, which the exported events match.
    """
    filters = LogFilterForm(request.GET)
    if not filters.is_valid():  # the log shows what to correct
        return redirect(with_query(reverse("audit:log"), request.GET))
    asked_for = filters.asked() if filters.asked().is_selective else None
    context = _filtered(request, filters, asked_for) if asked_for else {}
    if request.method == "GET":
        return render(request, "audit/export.html", {"form": ExportForm(), **context})
    form = ExportForm(request.POST)
    asked = form.asked(asked_for) if form.is_valid() else None
    if asked is None and form.is_valid():
        text = (
            _("No event in this range matches the filters")
            if asked_for
            else _("There is no event in this range")
        )
        form.add_error(None, text)
    elif asked is not None and asked.format is Format.CSV and ends_with_connection(request):
        form.add_error(
            "format",
            _(
                "Choose JSON Lines: over HTTP/1.0, an incomplete CSV file looks complete. For CSV, an"
                " administrator has to set proxy_http_version 1.1 in the proxy"
            ),
        )
    if asked is None or not form.is_valid():
        context |= {"form": form, "errors": form_errors(form)}
        return render(request, "audit/export.html", context)
    actor = actor_of(request)
    if not person_limits.allows(person_limits.Act.EXPORT, actor):
        form.add_error(None, person_limits.refusal(person_limits.Act.EXPORT))
        context |= {"form": form, "errors": form_errors(form)}
        return render(request, "audit/export.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    export.begin(asked, actor)
    return download(
        while_access_lasts(request, export.write(asked, actor), VIEW_LOG),
        file_name=dated_name(
            f"audit-log{'-filtered' if asked_for else ''}_{asked.first}_{asked.last}",
            clock.now(),
            asked.format.extension,
        ),
        content_type=asked.format.content_type,
    )


def _filtered(request: HttpRequest, filters: LogFilterForm, asked: LogFilter) -> dict[str, Any]:
    labels = {name: field.label for name, field in filters.fields.items()}
    people = dict(selectors.people())
    shown = chips(request.path, request.GET, filters.cleaned_data, labels, people)
    if asked.hides_system:
        with_all = with_query(request.path, request.GET, group=WITH_SYSTEM)
        shown.append(Chip(str(labels["group"]), str(GROUP_LABELS[""]), with_all))
    return {
        "chips": shown,
        "is_filtered": True,
        "matches": selectors.count_matches(asked, last=selectors.last_event()),
        "counted": selectors.COUNTED,
    }
