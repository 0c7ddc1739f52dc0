"""The list of batches, and the part of it that the start page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.batches import selectors
from apps.batches.forms.lists import BatchesForm
from apps.batches.models import Batch
from apps.batches.permissions import CONTROL_ALL_BATCHES, SEND_BATCHES
from apps.batches.presenters.lists import BatchLine, batch_line
from apps.consumers.views.visible import person_id
from apps.core import keyset
from apps.core.forms.errors import form_errors
from apps.core.web.filters import Chip, page_url, read_position, with_query
from apps.core.web.permissions import requires

PAGE_SIZE = 50


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES)
@require_GET
def batches(request: HttpRequest) -> HttpResponse:
    """The person's batches, newest first; for supervisors everybody's, with a filter by person."""
    sees_all = request.user.has_perm(CONTROL_ALL_BATCHES)
    position = read_position(request.GET, selectors.NEWEST_BY)
    form = BatchesForm(request.GET if sees_all else {})
    context: dict[str, Any] = {"form": form, "sees_all": sees_all, "errors": form_errors(form)}
    if not context["errors"]:
        found = selectors.visible(person_id(request), sees_all=sees_all)
        chosen = form.cleaned_data["person"]
        if chosen:
            found = found.filter(author_id=chosen)
        page = keyset.page_of([found.order_by()], selectors.NEWEST_BY, size=PAGE_SIZE, position=position)
        values = {"person": chosen} if chosen else {}
        context |= {
            "lines": _lines(page.rows),
            "chips": _chips(request.path, form),
            "first_url": with_query(request.path, values) if position else "",
            "newer_url": page_url(request.path, values, page.newer),
            "older_url": page_url(request.path, values, page.older),
            "new_url": reverse("batches:new"),
        }
    return render(request, "batches/batches.html", context)


def _chips(path: str, form: BatchesForm) -> list[Chip]:
    chosen = form.cleaned_data["person"]
    return [Chip(str(form.fields["person"].label), form.person_name(chosen), path)] if chosen else []


def going_on(request: HttpRequest) -> tuple[BatchLine, ...]:
    """The person's batches that are not ended, for the start page."""
    if not request.user.has_perm(SEND_BATCHES):
        return ()
    return _lines(selectors.going_on(person_id(request)))


def _lines(found: Sequence[Batch]) -> tuple[BatchLine, ...]:
    counts = selectors.counts_by_state(found)
    return tuple(batch_line(one, counts[one.pk]) for one in found)
