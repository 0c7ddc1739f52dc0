"""The page for a new batch: the order, and a pasted table or a file."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.audit import person_limits
from apps.batches import labels
from apps.batches.columns.matching import propose
from apps.batches.columns.remembering import remembered_choice
from apps.batches.forms.upload import UploadForm
from apps.batches.models import Batch
from apps.batches.permissions import SEND_BATCHES
from apps.batches.presenters.naming import batch_url, order_name
from apps.batches.reading.read import read_file, read_pasted
from apps.batches.reading.table import NotReadable, Table
from apps.batches.storing.upload import create_batch
from apps.batches.views.checked import check_stored
from apps.batches.views.visible import find_own
from apps.cdp.errors import CdpError
from apps.cdp.factory import get_client
from apps.consumers import selectors
from apps.consumers.forms.fields import order_number_in
from apps.consumers.forms.posted import PostedChoice
from apps.consumers.order_lookup import lookup
from apps.consumers.permissions import VIEW_VENDOR_RECORDS
from apps.consumers.presenters.order_panel import MAX_GUESTS, OrderPanel
from apps.consumers.views.order_panel import kept_choice, look_up_number
from apps.consumers.views.visible import person_id
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
from apps.core.web.failures import Effects, if_it_fails
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.core.web.uploads import accepts_files


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a batch. ``number``: empty if it is not known."""

    ref: str
    number: str = ""


@if_it_fails(Effects(in_steps=True))
@accepts_files(up_to=settings.BATCH_MAX_BYTES)
@requires(SEND_BATCHES)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the form, or store a table and redirect to its columns or its rows. Nothing is sent.

    ``?order=`` fills the order in; ``?replaces=`` names the batch whose corrected file is uploaded.
    """
    replaces = _replaced(request)
    if request.method != "POST":
        sealed = sealed_entries.unseal(request)
        values = sealed or {"order_ref": single_value(request.GET, "order")}
        return _page(request, UploadForm(initial=values), replaces, was_sealed=sealed is not None)
    form = UploadForm(request.POST, request.FILES)
    form.is_valid()
    order, panel = _find_order(request, form)
    table, status = None, HTTPStatus.OK
    if form.errors.keys().isdisjoint({"table", "file"}):
        if person_limits.allows(person_limits.Act.LIST, actor_of(request)):
            table = _read_table(form)
        else:
            _refuse_table(form, person_limits.refusal(person_limits.Act.LIST))
            status = HTTPStatus.TOO_MANY_REQUESTS
    if order is not None and table is not None and form.is_valid():
        try:
            return _store(request, table, order, replaces)
        except NotReadable as error:  # there are no people below the headers
            _add_fault(form, error)
    form.ask_for_the_file_again()
    return _page(request, form, replaces, panel=panel, status=status)


def _replaced(request: HttpRequest) -> Batch | None:
    """The person's batch that the address says is replaced. Raises ``Http404`` if it is not theirs."""
    named = single_value(request.GET, "replaces")
    if not named:
        return None
    try:
        return find_own(request, uuid.UUID(named))
    except ValueError:
        raise Http404 from None


def _find_order(request: HttpRequest, form: UploadForm) -> tuple[_Order | None, OrderPanel | None]:
    """The order of the field, looked up if it is a number; otherwise the field has an error."""
    if ref := form.cleaned_data.get("order_ref", ""):
        return _read_order(request, ref), None
    number = order_number_in(form.data.get("order_ref", "")) if form.may_be_order_number() else ""
    if not number or not request.user.has_perm(VIEW_VENDOR_RECORDS):
        return None, None
    choice = PostedChoice.read(form.data)
    if choice is not None and choice.chosen:
        form.errors.pop("order_ref", None)
        return _Order(choice.chosen, number), kept_choice(form.data, request)
    found = look_up_number(number, actor_of(request))
    if found.order is None:
        form.replace_order_error(found.problem)
        return None, found.panel
    try:
        ref = form.fields["order_ref"].clean(found.order.ref)
    except ValidationError as error:  # nothing can be sent to an order with such a reference
        form.replace_order_error(error)
        return None, None
    form.errors.pop("order_ref", None)
    return _Order(ref, found.order.reference_id), replace(found.panel, chosen=ref)


def _read_order(request: HttpRequest, ref: str) -> _Order:
    """The order with its number, if it can be read: a batch needs only the reference."""
    if not settings.CDP_ORDER_PAGES or not request.user.has_perm(VIEW_VENDOR_RECORDS):
        return _Order(ref)
    try:
        read = lookup.read_order(
            ref,
            within=lookup.PANEL_SECONDS,
            guests_shown=MAX_GUESTS,
            actor=actor_of(request),
            client=get_client(),
        )
    except CdpError:
        return _Order(ref)
    return _Order(ref, read.order.reference_id)


def _read_table(form: UploadForm) -> Table | None:
    """The table of the form; None with an error at its field."""
    file = form.uploaded
    try:
        if file is None:
            return read_pasted(form.cleaned_data["table"])
        return read_file(file.name or "", file.read())
    except NotReadable as error:
        _add_fault(form, error)
        return None


def _add_fault(form: UploadForm, error: NotReadable) -> None:
    _refuse_table(form, labels.fault_text(error))


def _refuse_table(form: UploadForm, text: str) -> None:
    form.add_error("table" if form.uploaded is None else "file", text)


def _store(request: HttpRequest, table: Table, order: _Order, replaces: Batch | None) -> HttpResponse:
    """Store the batch, and check its rows unless its columns have to be asked for."""
    person, actor, providers = person_id(request), actor_of(request), selectors.providers()
    proposal = propose(
        table,
        providers=providers,
        remembered=lambda headers: remembered_choice(person, headers),
    )
    choice = None if proposal.questions else proposal.choice
    batch = create_batch(
        table,
        choice,
        providers=providers,
        order_ref=order.ref,
        order_number=order.number,
        actor=actor,
        replaces=replaces,
    )
    if choice is None:
        return HttpResponseSeeOther(reverse("batches:columns", args=[batch.public_id]))
    check_stored(batch)
    return HttpResponseSeeOther(batch_url(batch))


def _page(
    request: HttpRequest,
    form: UploadForm,
    replaces: Batch | None,
    *,
    panel: OrderPanel | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> HttpResponse:
    errors = form_errors(form) if form.is_bound else []
    if panel is not None and panel.choices:
        errors = [
            FieldError("#id_order_choice_0", error.message) if error.href == "#id_order_ref" else error
            for error in errors
        ]
    return render(
        request,
        "batches/new.html",
        {
            "form": form,
            "errors": errors,
            "panel": panel,
            "replaces": replaces,
            "replaces_name": order_name(replaces) if replaces else "",
            "replaces_url": batch_url(replaces) if replaces else "",
            "max_rows": settings.BATCH_MAX_ROWS,
            "days": settings.BATCH_DAYS,
            "entry_of": sealed_entries.author_token(request),
            **context,
        },
        status=status,
    )
