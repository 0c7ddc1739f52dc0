"""The order beside the form: look up what is in the field Order, and show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.audit import person_limits
from apps.cdp.errors import CdpError
from apps.cdp.factory import get_client
from apps.cdp.records import Order
from apps.consumers import selectors
from apps.consumers.forms.fields import OrderReferenceField, order_number_in
from apps.consumers.forms.posted import PostedChoice
from apps.consumers.order_lookup import lookup
from apps.consumers.permissions import VIEW_VENDOR_RECORDS
from apps.consumers.presenters import order_panel as presenter
from apps.consumers.presenters.order_panel import OrderPanel
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.web.background import background
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@background
@requires(VIEW_VENDOR_RECORDS)
@require_POST
def order_panel(request: HttpRequest) -> HttpResponse:
    """The panel as a part of a page, for the text in ``order_ref``.

    A POST, so that nothing that is typed into this field by mistake appears in an address.
    """
    if not settings.CDP_ORDER_PAGES:
        raise Http404
    panel, choice = panel_for(request.POST, request), PostedChoice.read(request.POST)
    # The form shows what was chosen already: replacing it would disturb a person who chooses by keyboard.
    context = {"panel": panel, "replaces_choices": choice is None or not choice.chosen}
    return render(request, "consumers/order_panel_answer.html", context)


def panel_for(values: Mapping[str, str], request: HttpRequest) -> OrderPanel | None:
    """What is shown for the posted order; None if the text names no order, or the reader may see none."""
    typed = values.get("order_ref", "")
    if not settings.CDP_ORDER_PAGES or not request.user.has_perm(VIEW_VENDOR_RECORDS):
        return None
    if number := order_number_in(typed):
        kept = kept_choice(values, request)
        if kept is None or not kept.chosen:
            return _panel_of_number(number, request)
        panel = _panel_of(kept.chosen, request, number=number)
        return replace(panel, choices=kept.choices, may_be_more=kept.may_be_more)
    try:
        order_ref = OrderReferenceField().clean(typed)
    except ValidationError:
        return None
    if not order_ref:
        return None
    panel = _panel_of(order_ref, request)
    if panel.order is None and panel.warning and get_client().names_another_region(typed):
        text = gettext("This link is from another region of Sitecore CDP than this portal.")
        return replace(panel, warning=text)
    return panel


def kept_choice(
    values: Mapping[str, str], request: HttpRequest, *, with_orders: bool = True
) -> OrderPanel | None:
    """What was offered and chosen for the number in the field, without reading an order; None if nothing was.

    ``with_orders``: offer the orders again, as they were read lately. Otherwise reads no database.
    """
    choice = PostedChoice.read(values)
    if choice is None or not request.user.has_perm(VIEW_VENDOR_RECORDS):
        return None
    orders = lookup.known_orders(choice.offered, choice.number) if with_orders else ()
    panel = presenter.kept_choice_panel(
        orders,
        choice.number,
        chosen=choice.chosen,
        # An order that was offered and read too long ago is missing.
        may_be_more=choice.may_be_more or (with_orders and len(orders) < len(choice.offered)),
    )
    return panel if panel.chosen or panel.choices else None


def _panel_of_number(number: str, request: HttpRequest) -> OrderPanel:
    found = find_orders(number, actor_of(request))
    if isinstance(found, str):
        return OrderPanel(failure=found)
    if not found.orders:
        return OrderPanel(warning=str(presenter.NO_ORDER))
    if not found.is_certain:
        return presenter.choice_panel(found, number)
    return _panel_of(found.orders[0].ref, request, number=number)


def find_orders(number: str, actor: Actor, *, for_create: bool = False) -> lookup.FoundOrders | str:
    """The orders with this number, or why they could not be looked up.

    Counts as a search of the person. If the look-up is all that a create needs (``for_create``), the limit of
    searches does not stop it: beyond the limit the order is returned if it is certain, and nothing else.
    """
    is_within_limit = person_limits.allows(person_limits.Act.SEARCH, actor)
    if not is_within_limit and not for_create:
        return person_limits.refusal(person_limits.Act.SEARCH)
    try:
        found = lookup.find_order(number, actor=actor, client=get_client(), for_create=for_create)
    except CdpError:
        return str(presenter.NOT_LOOKED_UP)
    if not is_within_limit and not found.is_certain:
        return person_limits.refusal(person_limits.Act.SEARCH)
    if not found.orders and not found.is_whole:  # such as the answer of a cache: there may be one
        return str(presenter.NOT_LOOKED_UP)
    return found


@dataclass(frozen=True, slots=True)
class NumberLookUp:
    """The order that has a number. ``order``: None with a ``problem`` for the field Order.

    ``panel``: names the order, or offers several to choose from; otherwise empty.
    """

    order: Order | None = None
    problem: str = ""
    panel: OrderPanel = field(default_factory=OrderPanel)


def look_up_number(number: str, actor: Actor, *, for_create: bool = False) -> NumberLookUp:
    """Find the one order that has this number. Arguments and limits as of :func:`find_orders`."""
    found = find_orders(number, actor, for_create=for_create)
    if isinstance(found, str):
        return NumberLookUp(problem=found)
    if not found.orders:
        return NumberLookUp(problem=str(presenter.NO_ORDER))
    if not found.is_certain:
        problem = presenter.several_orders_text(found, number)
        return NumberLookUp(problem=problem, panel=presenter.choice_panel(found, number))
    [order] = found.orders
    return NumberLookUp(order, panel=OrderPanel(number=number, chosen=order.ref))


def _panel_of(order_ref: str, request: HttpRequest, *, number: str = "") -> OrderPanel:
    actor, client = actor_of(request), get_client()
    try:
        read = lookup.read_order(
            order_ref,
            within=lookup.PANEL_SECONDS,
            guests_shown=presenter.MAX_GUESTS,
            actor=actor,
            client=client,
        )
    except CdpError as error:
        return replace(presenter.failed_panel(error.code), number=number, chosen=order_ref if number else "")
    added = selectors.with_consumer_on(order_ref)
    return presenter.order_panel(read, added, Viewer.of(request.user), number=number)
