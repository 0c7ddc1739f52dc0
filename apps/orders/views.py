"""Views to find an order and to show single records of the vendor. All are read-only."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods

from apps.audit import person_limits
from apps.cdp.consumers import Identifier
from apps.cdp.errors import CdpError, CdpNotFound, CdpNotSent, CdpRateLimited, CdpTimeout, ErrorCode
from apps.cdp.factory import get_client
from apps.cdp.records import Order
from apps.consumers.labels import read_error_text
from apps.consumers.order_lookup.lookup import find_order
from apps.consumers.permissions import VIEW_VENDOR_RECORDS
from apps.consumers.presenters.order_panel import cancelled_text, consumer_lines, consumers_text
from apps.consumers.selectors import providers, with_consumer_on
from apps.consumers.viewer import Viewer
from apps.consumers.views.submissions import recent_orders_of
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.input import single_value
from apps.core.web.permissions import P, View, requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of, support_code
from apps.orders import labels, presenters, services
from apps.orders.forms import FindGuestForm, FindOrderForm, OrderBoxForm


def if_enabled(view: View[P]) -> View[P]:
    """Make a view raise ``Http404`` if the setting ``CDP_ORDER_PAGES`` is False."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not settings.CDP_ORDER_PAGES:
            raise Http404
        return view(request, *args, **kwargs)

    return checked


@requires(VIEW_VENDOR_RECORDS)
@require_http_methods(["GET", "HEAD", "POST"])
def orders(request: HttpRequest) -> HttpResponse:
    """Find an order: list the results for a number or a guest; redirect to the order for a reference.

    A POST comes from the box that takes a number, a reference or a link, or from the form with one field for
    each. A valid search of that form leads to its address; nothing else that was typed appears in one.
    """
    if request.method == "POST" and FindOrderForm.is_submitted(request.POST):
        return _from_fields(request)
    if request.method == "POST":
        return _from_box(request)
    if not FindOrderForm.is_submitted(request.GET):
        context = {
            "form": FindOrderForm(),
            "box": OrderBoxForm(),
            "recent_orders": recent_orders_of(Viewer.of(request.user)),
        }
        return render(request, "orders/orders.html", context)
    form = FindOrderForm(request.GET)
    if not form.is_valid():
        return render(request, "orders/orders.html", {"form": form, "errors": form_errors(form)})
    asked = form.cleaned_data
    if asked["order_ref"]:
        return HttpResponseRedirect(reverse("orders:order", args=[asked["order_ref"]]))
    actor = actor_of(request)
    if not person_limits.allows(person_limits.Act.SEARCH, actor):
        form.add_error(None, person_limits.refusal(person_limits.Act.SEARCH))
        context = {"form": form, "errors": form_errors(form)}
        return render(request, "orders/orders.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        found = services.search_orders(
            order_number=asked["order_number"],
            guest_ref=asked["guest_ref"],
            actor=actor,
            client=get_client(),
        )
    except CdpError as error:
        return _failure(request, labels.ORDERS, error)
    return render(request, "orders/orders.html", {"form": form, **_hits(found.orders, found.is_whole)})


def _from_fields(request: HttpRequest) -> HttpResponse:
    """Lead to the address of the search if it is valid."""
    form = FindOrderForm(request.POST)
    if not form.is_valid():
        return render(request, "orders/orders.html", {"form": form, "errors": form_errors(form)})
    asked = {name: value for name, value in form.cleaned_data.items() if value}
    return HttpResponseSeeOther(f"{reverse('orders:orders')}?{urlencode(asked)}")


def _from_box(request: HttpRequest) -> HttpResponse:
    """Lead to the order if it is certain; otherwise show what was found."""
    box = OrderBoxForm(request.POST)
    context: dict[str, Any] = {"form": FindOrderForm(), "box": box}
    if not box.is_valid():
        return render(request, "orders/orders.html", {**context, "errors": form_errors(box)})
    if box.cleaned_data["order_ref"]:
        return HttpResponseSeeOther(reverse("orders:order", args=[box.cleaned_data["order_ref"]]))
    actor = actor_of(request)
    if not person_limits.allows(person_limits.Act.SEARCH, actor):
        box.add_error("order", person_limits.refusal(person_limits.Act.SEARCH))
        context["errors"] = form_errors(box)
        return render(request, "orders/orders.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        found = find_order(box.cleaned_data["number"], actor=actor, client=get_client())
    except CdpError as error:
        context["errors"] = _with_failure(request, box, labels.ORDERS, error)
        return render(request, "orders/orders.html", context, status=_status_of(error))
    address = presenters.record_url("order", found.orders[0].ref) if found.is_certain else ""
    if address:
        return HttpResponseSeeOther(address)
    return render(request, "orders/orders.html", {**context, **_hits(found.orders, found.is_whole)})


def _hits(orders: Iterable[Order], is_whole: bool) -> dict[str, Any]:
    """What the page shows of the orders that a search found. ``is_whole``: there are no others."""
    lines = presenters.order_lines(orders)
    shared = presenters.has_shared_number(lines)
    return {"searched": True, "lines": lines, "is_whole": is_whole, "several_share_a_number": shared}


@requires(VIEW_VENDOR_RECORDS)
@require_http_methods(["GET", "HEAD", "POST"])
def guests(request: HttpRequest) -> HttpResponse:
    """Find guests by e-mail address or identifier. A POST, whose answer is the result."""
    if request.method != "POST":
        return render(request, "orders/guests.html", {"form": FindGuestForm(providers=providers())})
    form = FindGuestForm(request.POST, providers=providers())
    if not form.is_valid():
        return render(request, "orders/guests.html", {"form": form, "errors": form_errors(form)})
    actor, asked = actor_of(request), form.cleaned_data
    if not person_limits.allows(person_limits.Act.SEARCH, actor):
        form.add_error(None, person_limits.refusal(person_limits.Act.SEARCH))
        context = {"form": form, "errors": form_errors(form)}
        return render(request, "orders/guests.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    identifier = Identifier(asked["provider"], asked["identifier"]) if asked["identifier"] else None
    try:
        found = services.search_guests(
            email=asked["email"], identifier=identifier, actor=actor, client=get_client()
        )
    except CdpError as error:
        context = {"form": form, "errors": _with_failure(request, form, labels.GUESTS, error)}
        return render(request, "orders/guests.html", context, status=_status_of(error))
    lines = presenters.guest_lines(found.guests)
    context = {"form": form, "searched": True, "lines": lines, "is_whole": found.is_whole}
    return render(request, "orders/guests.html", context)


@requires(VIEW_VENDOR_RECORDS)
@require_GET
def order(request: HttpRequest, ref: str) -> HttpResponse:
    """Show an order and its consumers; without the consumers if only their list could not be read."""
    client = get_client()
    try:
        found = services.read_order(ref, actor=actor_of(request), client=client)
    except CdpError as error:
        return _failure(request, labels.ORDER, error)
    added = with_consumer_on(ref)
    context = {
        "order": found.order,
        "warning": cancelled_text(found.order),
        "rows": presenters.order_rows(found.order),
        "links": presenters.record_links(found.order, client),
        "consumers": consumer_lines(found.listed, added, Viewer.of(request.user), order_ref=ref),
        "consumers_text": consumers_text(found.listed),
        "is_list_whole": found.listed is not None and found.listed.is_whole,
        "read_at": found.read_at,
        "list_reason": read_error_text(found.list_error),
        "list_again": labels.is_retryable(found.list_error),
        "add_url": presenters.add_consumer_url(ref),
    }
    return render(request, "orders/order.html", context)


@requires(VIEW_VENDOR_RECORDS)
@require_GET
def guest(request: HttpRequest, ref: str) -> HttpResponse:
    """Show a guest's record."""
    client = get_client()
    try:
        found = services.read_guest(ref, actor=actor_of(request), client=client)
    except CdpError as error:
        return _failure(request, labels.GUEST, error)
    context = {
        "name": presenters.person_name(found),
        "rows": presenters.guest_rows(found),
        "links": presenters.record_links(found, client),
        "orders_url": presenters.orders_of_guest_url(ref),
        "is_traveller": found.guest_type.lower() == "traveller",
    }
    return render(request, "orders/guest.html", context)


@requires(VIEW_VENDOR_RECORDS)
@require_GET
def order_consumer(request: HttpRequest, ref: str) -> HttpResponse:
    """Show an order consumer's record; ``?order=`` gives the order for the link back.

    Vendor: the order link in a consumer's record does not contain the order's reference (contract 3.3).
    """
    order_ref = single_value(request.GET, "order")
    client = get_client()
    try:
        found = services.read_order_consumer(ref, actor=actor_of(request), client=client)
    except CdpError as error:
        return _failure(request, labels.ORDER_CONSUMER, error)
    context = {
        "name": presenters.person_name(found),
        "rows": presenters.consumer_rows(found),
        "links": presenters.consumer_links(found, client),
        "guest_url": presenters.record_url("guest", found.guest_ref),
        "order_url": presenters.record_url("order", order_ref),
    }
    return render(request, "orders/order_consumer.html", context)


def _with_failure(request: HttpRequest, form: BaseForm, what: str, error: CdpError) -> list[FieldError]:
    """Add to a posted form why its search failed, and return its errors. What was typed stays in the form."""
    code = gettext("Support code: %(code)s") % {"code": support_code(request)}
    form.add_error(None, " ".join([*labels.sentences(what, error.code, retry_after=error.retry_after), code]))
    return form_errors(form)


def _failure(request: HttpRequest, what: str, error: CdpError) -> HttpResponse:
    """The error page for ``what``, without the vendor's text, which may contain personal data."""
    context = {
        "heading": labels.title(what, error.code),
        "sentences": labels.sentences(what, error.code, retry_after=error.retry_after),
        "again_url": request.get_full_path() if labels.is_retryable(error.code) else "",
    }
    return render(request, "orders/failure.html", context, status=_status_of(error))


def _status_of(error: CdpError) -> HTTPStatus:
    if isinstance(error, CdpNotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, CdpTimeout) or error.code == ErrorCode.CONNECT_TIMEOUT:
        return HTTPStatus.GATEWAY_TIMEOUT
    if isinstance(error, CdpNotSent | CdpRateLimited):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.BAD_GATEWAY
