"""The files of batches: the template, and the result."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.batches.files import result as result_files
from apps.batches.files import template as templates
from apps.batches.permissions import CONTROL_ALL_BATCHES, SEND_BATCHES
from apps.batches.views.visible import find_batch
from apps.consumers.selectors import providers
from apps.core import clock
from apps.core.export.formats import Format
from apps.core.export.responses import dated_name, download
from apps.core.forms.input import single_value
from apps.core.web.filters import UnreadableAddress
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@requires(SEND_BATCHES)
@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """The template with all columns, which the portal reads back."""
    chosen = _format(request)
    response = HttpResponse(templates.template(chosen, providers()), content_type=chosen.content_type)
    name = f"template.{chosen.extension}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@require_GET
def result(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponseBase:
    """The uploaded columns with state, reference, reason and receipt of each row. Recorded first."""
    chosen = _format(request)
    batch = find_batch(request, batch_id)
    read = result_files.read_result(
        batch,
        receipt_url=lambda public_id: request.build_absolute_uri(
            reverse("consumers:receipt", args=[public_id])
        ),
    )
    result_files.record_downloaded(read, actor=actor_of(request))
    return download(
        result_files.result_file(read, chosen),
        file_name=dated_name("list", clock.now(), chosen.extension),
        content_type=chosen.content_type,
    )


def _format(request: HttpRequest) -> Format:
    """Excel or CSV. Any other is an address that no link of the portal has."""
    text = single_value(request.GET, "format") or Format.XLSX.value
    if text not in (Format.XLSX, Format.CSV):
        raise UnreadableAddress
    return Format(text)
