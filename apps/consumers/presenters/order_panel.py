"""The order beside the form, and the consumers on it as lists show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.cdp.client import ListedConsumers
from apps.cdp.errors import ErrorCode
from apps.cdp.records import Order
from apps.consumers.copying import consumer_key
from apps.consumers.forms.posted import MAY_BE_MORE
from apps.consumers.models import Submission
from apps.consumers.order_lookup.lookup import FoundOrders, OrderRead
from apps.consumers.presenters.prices import price
from apps.consumers.presenters.record_urls import record_url
from apps.consumers.sending.warnings import is_cancelled
from apps.consumers.viewer import Viewer
from apps.core.references import reference_key

NOT_CHECKED = _("The order could not be checked. You can continue.")
NO_ORDER = _("No order has this number. Check it, or enter the order reference.")
NOT_LOOKED_UP = _("The order number could not be looked up. Enter the order reference, or try again.")

MAX_GUESTS = 3  # guests shown: with many travellers, the vendor returns a guest for each


@dataclass(frozen=True, slots=True)
class ConsumerLine:
    """One consumer on an order. ``name`` is empty if it has none, or was not read; ``url``: its page.

    ``who``, ``when``: who added it through the portal, and when; ``receipt_url``: if the reader may open it.
    ``copy_key``: names the consumer in the form; empty on other pages, if it was not read, or if nothing can
    be copied from it (:func:`consumer_key`).
    """

    ref: str
    is_read: bool
    name: str
    born: dt.date | None
    url: str
    who: str
    when: dt.datetime | None
    receipt_url: str
    copy_key: str


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """One of several orders with the same number. ``number``: only if it is not as it was typed."""

    ref: str
    number: str
    ordered_at: dt.datetime | None
    price: str
    status: str
    channel: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A guest of the order. ``name`` can be empty; ``url``: its page, or empty."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class OrderPanel:
    """What is shown beside the form, and the orders to choose from below the field Order.

    ``warning``: why this may be the wrong order. ``failure``: that it could not be read. ``choices``: the
    orders to choose from, for ``number``; ``may_be_more``: other orders may have it, too.
    ``chosen``: the one that was chosen, or the only one.
    """

    warning: str = ""
    failure: str = ""
    number: str = ""
    chosen: str = ""
    choices: tuple[OrderChoice, ...] = ()
    may_be_more: bool = False
    order: Order | None = None
    title: str = ""
    order_url: str = ""
    guests: tuple[GuestLink, ...] = ()
    more_guests: int = 0
    has_unread_guests: bool = False
    consumers: tuple[ConsumerLine, ...] = ()
    consumers_text: str = ""
    read_at: dt.datetime | None = None

    @property
    def offered(self) -> str:
        """The references of the choices, as the form posts them, and whether there may be more."""
        words = [choice.ref for choice in self.choices]
        return " ".join([*words, MAY_BE_MORE] if self.may_be_more else words)

    @property
    def is_unread(self) -> bool:
        """Whether the order is known and was not read, so that a script has to load it."""
        return bool(self.chosen) and not (self.order or self.warning or self.failure)

    @property
    def announcement(self) -> str:
        """The panel in one line for screen readers: not the names of everybody on the order."""
        status = self.order.status if self.order else ""
        parts = [self.warning, self.failure, self.title, status, self.consumers_text]
        if self.choices and not self.chosen:
            parts.append(self.question)
        return ", ".join(part.removesuffix(".") for part in parts if part)

    @property
    def question(self) -> str:
        """The question above the orders to choose from."""
        count = len(self.choices)
        text = ngettext(
            "Is this the order %(number)s?",
            "%(count)s orders have the number %(number)s. Choose one.",
            count,
        ) % {"count": count, "number": self.number}
        return f"{text} {gettext('There may be more.')}" if self.may_be_more else text


def order_panel(
    read: OrderRead, added: Iterable[Submission], viewer: Viewer, *, number: str = ""
) -> OrderPanel:
    """The panel of an order. ``added``: the portal's submissions to it. ``number``: what it was found by."""
    order, guests = read.order, read.guests or ()
    lines = consumer_lines(read.listed, added, viewer, copied_from=order.ref)
    return OrderPanel(
        warning=cancelled_text(order),
        number=number,
        chosen=order.ref if number else "",
        order=order,
        title=gettext("Order %(number)s") % {"number": order.reference_id or order.ref},
        order_url=record_url("orders:order", order.ref),
        guests=tuple(GuestLink(one.name, record_url("orders:guest", one.ref)) for one in guests[:MAX_GUESTS]),
        more_guests=max(len(guests) - MAX_GUESTS, 0),
        has_unread_guests=read.guests is None,
        consumers=lines,
        consumers_text=consumers_text(read.listed),
        read_at=read.read_at,
    )


def choice_panel(found: FoundOrders, number: str) -> OrderPanel:
    """The panel with the orders that have the number, newest first."""
    choices = order_choices(found.orders, number)
    return OrderPanel(number=number, choices=choices, may_be_more=not found.is_whole)


def kept_choice_panel(orders: Iterable[Order], number: str, *, chosen: str, may_be_more: bool) -> OrderPanel:
    """The panel with orders that were offered before. ``chosen``: the reference of one, or empty.

    ``may_be_more``: other orders may have the number, too.
    """
    choices = order_choices(orders, number, chosen=chosen)
    is_offered = not chosen or any(choice.is_chosen for choice in choices)
    return OrderPanel(
        number=number,
        chosen=chosen,
        choices=choices if is_offered else (),
        may_be_more=may_be_more,
    )


def several_orders_text(found: FoundOrders, number: str) -> str:
    """The error at the field Order if the person has to choose."""
    count = len(found.orders)
    text = ngettext(
        "Check whether this is the order %(number)s, and choose it",
        "%(count)s orders have the number %(number)s. Choose one",
        count,
    ) % {"count": count, "number": number}
    return text if found.is_whole else f"{text}. {gettext('There may be more')}"


def failed_panel(code: str) -> OrderPanel:
    """The panel if the order could not be read. An order that does not exist is a warning."""
    if code == ErrorCode.NOT_FOUND:
        return OrderPanel(
            warning=gettext(
                "Sitecore CDP has no order with this reference. It may belong to another organisation or"
                " region."
            )
        )
    return OrderPanel(failure=str(NOT_CHECKED))


def cancelled_text(order: Order) -> str:
    """The warning about a cancelled order; empty for any other."""
    if not is_cancelled(order):
        return ""
    return gettext("This order has the status %(status)s.") % {"status": order.status}


def order_choices(orders: Iterable[Order], number: str, *, chosen: str = "") -> tuple[OrderChoice, ...]:
    """Orders to choose from, newest first; those without a date last."""
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    newest_first = sorted(orders, key=lambda order: order.ordered_at or oldest, reverse=True)
    return tuple(
        OrderChoice(
            order.ref,
            order.reference_id if order.reference_id != number else "",
            order.ordered_at,
            price(order),
            order.status,
            order.channel,
            reference_key(order.ref) == reference_key(chosen),
        )
        for order in newest_first
    )


def consumer_lines(
    listed: ListedConsumers | None,
    added: Iterable[Submission],
    viewer: Viewer,
    *,
    order_ref: str = "",
    copied_from: str = "",
) -> tuple[ConsumerLine, ...]:
    """The consumers on an order, with who added each through the portal.

    With ``order_ref``, each has the address of its page, which leads back to the order. With ``copied_from``,
    the reference of the order, the details of each can be copied into the form.
    """
    if listed is None:
        return ()
    # A late reference has not been decided on: the submission whose outcome has it comes first.
    by_certainty = sorted(added, key=lambda one: bool(one.consumer_ref))
    by_key = {reference_key(one.consumer_ref or one.late_consumer_ref): one for one in by_certainty}
    read = {reference_key(one.ref): one for one in listed.consumers}
    lines = []
    for ref in listed.refs:
        url = record_url("orders:order_consumer", ref) if order_ref else ""
        submission, consumer = by_key.get(reference_key(ref)), read.get(reference_key(ref))
        lines.append(
            ConsumerLine(
                ref=ref,
                is_read=consumer is not None,
                name=f"{consumer.first_name} {consumer.last_name}".strip() if consumer else "",
                born=consumer.date_of_birth if consumer else None,
                url=f"{url}?order={order_ref}" if url else "",
                who=submission.actor_name if submission else "",
                when=submission.submitted_at if submission else None,
                receipt_url=_receipt_url(submission, viewer),
                copy_key=consumer_key(copied_from, consumer.ref) if copied_from and consumer else "",
            )
        )
    return tuple(lines)


def _receipt_url(submission: Submission | None, viewer: Viewer) -> str:
    if submission is None or not viewer.may_open(submission.actor_id):
        return ""
    return reverse("consumers:receipt", args=[submission.public_id])


def consumers_text(listed: ListedConsumers | None) -> str:
    """How many consumers are on the order, and how many of them were read.

    No total of a list that may lack entries: one that changed while it was read, or came from a cache.
    """
    if listed is None:
        return gettext("The consumers of this order could not be read.")
    total, read = len(listed.refs), len(listed.consumers)
    if not listed.is_whole and not total:
        return gettext("No consumers read; there may be some")
    if not listed.is_whole:
        return gettext("%(read)s read; there may be more") % {"read": read}
    if read < total:
        return gettext("%(read)s of %(total)s read") % {"read": read, "total": total}
    return ngettext("1 consumer", "%(total)s consumers", total) % {"total": total}
