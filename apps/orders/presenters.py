"""The vendor's records into what the pages show: plain values, ready for a template."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.records import Guest, Order
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.labels import LINK_LABELS
from apps.consumers.presenters.fields import field_texts


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a summary list: its values, or a moment; ``mono`` for references, ``copy`` names the value
    for a copy button, ``url`` is a page of ours."""

    label: str
    values: tuple[str, ...] = ()
    moment: dt.datetime | None = None
    mono: bool = False
    copy: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the vendor returned it, word for word; ``own`` when it leads to the configured host."""

    label: str
    href: str
    own: bool


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One hit of a search: what tells orders with the same number apart, and where to go from here."""

    ref: str
    number: str
    ordered_at: dt.datetime | None
    price: str
    status: str
    point_of_sale: str
    url: str
    add_url: str


def order_lines(orders: Iterable[Order]) -> list[OrderLine]:
    """The hits, newest order first; those without a date at the end."""
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


def several_share_a_number(lines: Iterable[OrderLine]) -> bool:
    """Whether the reader has to choose with care (vendor: organisations use their order numbers again)."""
    numbers = [line.number for line in lines if line.number]
    return len(set(numbers)) < len(numbers)


def order_rows(order: Order) -> list[Row]:
    """An order's fields; what the vendor does not give is left out."""
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
    """A guest's fields; what the vendor does not give is left out."""
    emails = tuple(dict.fromkeys(filter(None, (guest.email, *guest.emails))))
    place = tuple(filter(None, (*guest.street, guest.city, guest.state, guest.post_code)))
    return _present(
        Row(_("Guest reference"), (guest.ref,), mono=True, copy=_("guest reference")),
        _text(_("Guest type"), guest.guest_type),
        *_person_rows(guest, emails),
        Row(_("Passport valid until"), field_texts("passport_expiry", guest.passport_expiry)),
        Row(_("Address"), place),
        _text(_("Language"), guest.language),
        Row(_("First seen"), moment=guest.first_seen),
        Row(_("Last seen"), moment=guest.last_seen),
        Row(_("Created at"), moment=guest.created_at),
        Row(_("Changed at"), moment=guest.modified_at),
    )


def consumer_rows(consumer: OrderConsumer) -> list[Row]:
    """An order consumer's fields; what the vendor does not give is left out, identifiers often among it."""
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
    """The link to itself that the vendor returned with an order or a guest, verbatim."""
    label = LINK_LABELS["order"] if isinstance(record, Order) else LINK_LABELS["guest"]
    return _links(client, (str(label), record.href))


def consumer_list(refs: Iterable[str], order_ref: str) -> list[dict[str, str]]:
    """An order's consumers: references, with addresses that remember the order for the way back."""
    return [{"ref": ref, "url": _with_order(record_url("order_consumer", ref), order_ref)} for ref in refs]


def record_url(kind: str, ref: str) -> str:
    """Our page of a record: ``order``, ``guest`` or ``order_consumer``. Empty for a reference that is not
    UUID-shaped: it has no page, and is shown as text."""
    try:
        return reverse(f"orders:{kind}", args=[ref])
    except NoReverseMatch:
        return ""


def orders_of_guest_url(guest_ref: str) -> str:
    """The search for a guest's orders."""
    return f"{reverse('orders:orders')}?guest_ref={guest_ref}" if record_url("guest", guest_ref) else ""


def add_consumer_url(order_ref: str) -> str:
    """The form, opened for an order; empty where the order has no page either."""
    return f"{reverse('consumers:new')}?order={order_ref}" if record_url("order", order_ref) else ""


def price(order: Order) -> str:
    """Such as ``EUR 1,904.20``: at least two decimals, more where the vendor has more."""
    if order.price is None:
        return ""
    exponent = order.price.as_tuple().exponent
    decimals = max(2, -exponent if isinstance(exponent, int) else 0)
    amount = number_format(order.price.quantize(Decimal(1).scaleb(-decimals)), force_grouping=True)
    return f"{order.currency_code}\N{NO-BREAK SPACE}{amount}" if order.currency_code else amount


def _person_rows(person: Guest | OrderConsumer, emails: tuple[str, ...]) -> list[Row]:
    values = {name: getattr(person, name, ()) for name in FIELD_LABELS} | {"emails": emails}
    return [Row(str(label), field_texts(name, values[name])) for name, label in FIELD_LABELS.items()]


def _text(label: str, value: str) -> Row:
    return Row(label, (value,))


def _present(*rows: Row) -> list[Row]:
    return [row for row in rows if row.moment or any(row.values)]


def _links(client: CdpClient, *named: tuple[str, str]) -> list[Link]:
    return [Link(label, href, client.is_own_link(href)) for label, href in named if href]


def _with_order(url: str, order_ref: str) -> str:
    return f"{url}?order={order_ref}" if url else ""
