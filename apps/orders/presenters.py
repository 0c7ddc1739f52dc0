"""Convert the vendor's records into plain values for the templates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.records import Guest, Order
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.labels import LINK_LABELS
from apps.consumers.presenters.fields import field_texts
from apps.consumers.presenters.prices import price


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a summary list: text values or a moment.

    ``mono``: monospaced, for references. ``copy``: the value's name on a copy button. ``url``: a portal page.
    """

    label: str
    values: tuple[str, ...] = ()
    moment: dt.datetime | None = None
    mono: bool = False
    copy: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link exactly as the vendor returned it. ``own``: it points to the configured API host."""

    label: str
    href: str
    own: bool


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One search result: the data that distinguishes orders with the same number, and links."""

    ref: str
    number: str
    ordered_at: dt.datetime | None
    price: str
    status: str
    point_of_sale: str
    url: str
    add_url: str


def order_lines(orders: Iterable[Order]) -> list[OrderLine]:
    """Search results, newest order first; orders without a date last."""
    newest = sorted(orders, key=lambda order: order.ordered_at or dt.datetime.min.replace(tzinfo=dt.UTC))
    return [
        OrderLine(
            ref=order.ref,
            number=order.reference_id,
            ordered_at=order.ordered_at,
            price=price(order),
            status=order.status,
            point_of_sale=order.point_of_sale,
            url=record_url("order", order.ref),
            add_url=add_consumer_url(order.ref),
        )
        for order in reversed(newest)
    ]


@dataclass(frozen=True, slots=True)
class GuestLine:
    """One guest that was found. ``orders_url``: the search for the guest's orders."""

    ref: str
    name: str
    guest_type: str
    url: str
    orders_url: str


def guest_lines(guests: Iterable[Guest]) -> list[GuestLine]:
    """Guests that were found, in the vendor's order."""
    return [
        GuestLine(
            ref=guest.ref,
            name=person_name(guest),
            guest_type=guest.guest_type,
            url=record_url("guest", guest.ref),
            orders_url=orders_of_guest_url(guest.ref),
        )
        for guest in guests
    ]


def person_name(person: Guest | OrderConsumer) -> str:
    """A person's first and last name; empty if the vendor returned neither."""
    return f"{person.first_name} {person.last_name}".strip()


def has_shared_number(lines: Iterable[OrderLine]) -> bool:
    """Whether two orders have the same number (vendor: order numbers can be reused)."""
    numbers = [line.number for line in lines if line.number]
    return len(set(numbers)) < len(numbers)


def order_rows(order: Order) -> list[Row]:
    """An order's fields, without those that the vendor did not return."""
    return _present(
        Row(_("Order reference"), (order.ref,), mono=True, copy=_("order reference")),
        _text(_("Order number"), order.reference_id),
        Row(_("Ordered at"), moment=order.ordered_at),
        _text(_("Price"), price(order)),
        _text(_("Status"), order.status),
        _text(_("Point of sale"), order.point_of_sale),
        _text(_("Channel"), order.channel),
        _text(_("Payment type"), order.payment_type),
        _text(_("Card type"), order.card_type),
        Row(_("Created at"), moment=order.created_at),
        Row(_("Changed at"), moment=order.modified_at),
    )


def guest_rows(guest: Guest) -> list[Row]:
    """A guest's fields, without those that the vendor did not return."""
    emails = tuple(dict.fromkeys(filter(None, (guest.email, *guest.emails))))
    postal_address = tuple(filter(None, (*guest.street, guest.city, guest.state, guest.post_code)))
    return _present(
        Row(_("Guest reference"), (guest.ref,), mono=True, copy=_("guest reference")),
        _text(_("Guest type"), guest.guest_type),
        *_person_rows(guest, emails),
        Row(_("Passport valid until"), field_texts("passport_expiry", guest.passport_expiry)),
        Row(_("Address"), postal_address),
        _text(_("Language"), guest.language),
        Row(_("First seen"), moment=guest.first_seen),
        Row(_("Last seen"), moment=guest.last_seen),
        Row(_("Created at"), moment=guest.created_at),
        Row(_("Changed at"), moment=guest.modified_at),
    )


def consumer_rows(consumer: OrderConsumer) -> list[Row]:
    """An order consumer's fields, without those that the vendor did not return (often the identifiers)."""
    guest_url = record_url("guest", consumer.guest_ref)
    return _present(
        Row(_("Consumer reference"), (consumer.ref,), mono=True, copy=_("consumer reference")),
        *_person_rows(consumer, consumer.emails),
        Row(_("Guest reference"), (consumer.guest_ref,), mono=True, url=guest_url),
        Row(_("Created at"), moment=consumer.created_at),
    )


def consumer_links(consumer: OrderConsumer, client: CdpClient) -> list[Link]:
    """The links that the vendor returned with an order consumer, verbatim."""
    items = ((_("Order item link"), href) for href in consumer.order_items)
    return _links(
        client,
        (str(LINK_LABELS["consumer"]), consumer.href),
        (str(LINK_LABELS["order"]), consumer.order_href),
        (str(LINK_LABELS["guest"]), consumer.guest_href),
        *items,
    )


def record_links(record: Order | Guest, client: CdpClient) -> list[Link]:
    """The ``href`` that the vendor returned with an order or a guest, verbatim."""
    label = LINK_LABELS["order"] if isinstance(record, Order) else LINK_LABELS["guest"]
    return _links(client, (str(label), record.href))


def record_url(kind: str, ref: str) -> str:
    """URL of the portal's page of a record; ``kind``: ``order``, ``guest`` or ``order_consumer``.

    Empty if the reference is not UUID-shaped: it has no page and is shown as text.
    """
    try:
        return reverse(f"orders:{kind}", args=[ref])
    except NoReverseMatch:
        return ""


def orders_of_guest_url(guest_ref: str) -> str:
    """URL of the search for a guest's orders; empty if the guest has no page."""
    return f"{reverse('orders:orders')}?guest_ref={guest_ref}" if record_url("guest", guest_ref) else ""


def add_consumer_url(order_ref: str) -> str:
    """URL of the entry form with this order filled in; empty if the order has no page."""
    return f"{reverse('consumers:new')}?order={order_ref}" if record_url("order", order_ref) else ""


def _person_rows(person: Guest | OrderConsumer, emails: tuple[str, ...]) -> list[Row]:
    values = {name: getattr(person, name, ()) for name in FIELD_LABELS} | {"emails": emails}
    return [Row(str(label), field_texts(name, values[name])) for name, label in FIELD_LABELS.items()]


def _text(label: str, value: str) -> Row:
    return Row(label, (value,))


def _present(*rows: Row) -> list[Row]:
    return [row for row in rows if row.moment or any(row.values)]


def _links(client: CdpClient, *named: tuple[str, str]) -> list[Link]:
    return [Link(label, href, client.is_own_link(href)) for label, href in named if href]
