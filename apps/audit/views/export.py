"""View to download a range of the audit log."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.audit import export, person_limits
from apps.audit.forms.export import ExportForm
from apps.audit.permissions import VIEW_LOG
from apps.core import clock
from apps.core.export.responses import dated_name, download
from apps.core.forms.errors import form_errors
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@requires(VIEW_LOG)
@require_http_methods(["GET", "POST"])
def export_log(request: HttpRequest) -> HttpResponseBase:
    """Show the form; on POST, stream the file, whose size is not known in advance."""
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
    return download(
        export.write(asked, actor),
        file_name=dated_name(f"audit-log_{asked.first}_{asked.last}", clock.now(), asked.format.extension),
        content_type=asked.format.content_type,
    )
