"""Downloading a range of the audit log."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.audit import export, person_limits
from apps.audit.forms.export import ExportForm
from apps.audit.permissions import VIEW_LOG
from apps.core import clock
from apps.core.form_errors import form_errors
from apps.core.permissions import requires
from apps.core.requests import actor_of

CONTENT_TYPES = {
    export.Format.JSONL: "application/jsonl; charset=utf-8",
    export.Format.CSV: "text/csv; charset=utf-8",  # RFC 7111
}


@requires(VIEW_LOG)
@require_http_methods(["GET", "POST"])
def export_log(request: HttpRequest) -> HttpResponseBase:
    """The form; after a POST, the file. It is sent while it is made, so its size is not known."""
    if request.method == "GET":
        return render(request, "audit/export.html", {"form": ExportForm()})
    form = ExportForm(request.POST)
    asked = form.asked() if form.is_valid() else None
    if asked is None and form.is_valid():
        form.add_error(None, _("There is no event in this range"))
    if asked is None:
        return render(request, "audit/export.html", {"form": form, "errors": form_errors(form)})
    actor = actor_of(request)
    if not person_limits.allows(person_limits.Act.EXPORT, actor):
        form.add_error(None, person_limits.refusal(person_limits.Act.EXPORT))
        context = {"form": form, "errors": form_errors(form)}
        return render(request, "audit/export.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    export.begin(asked, actor)
    response = StreamingHttpResponse(export.write(asked, actor), content_type=CONTENT_TYPES[asked.format])
    response["Content-Disposition"] = f'attachment; filename="{_file_name(asked)}"'
    return response


def _file_name(asked: export.Export) -> str:
    now = clock.now()
    return f"audit-log_{asked.first}_{asked.last}_{now:%Y%m%dT%H%M%SZ}.{asked.format.value}"
