"""Read orders for a person: by number for the form, with consumers for its panel and the order page.

Every read is recorded, also one that fails. No database connection is held meanwhile.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.errors import CdpError, ErrorCode
from apps.cdp.records import Order
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED, VENDOR_RECORDS_SEARCHED
from apps.consumers.audit_keys import LIST_NOT_WHOLE
from apps.consumers.connection_health import store_latest
from apps.consumers.models.order_reading import OrderGuest
from apps.consumers.order_lookup import readings
from apps.consumers.recording import record_shown
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.references import reference_key

FOUND = "found"
LOOKUP_SECONDS = 2.5  # limit for finding an order by its number, which delays a create
PANEL_SECONDS = 10.0  # limit for the panel: four calls, the order, two for its consumers, its guests


@dataclass(frozen=True, slots=True)
class FoundOrders:
    """The result of a look-up by order number: no order, one, or several to choose from.

    ``is_whole``: no order can be missing, as it can in a list that came from a cache.
    """

    orders: tuple[Order, ...]
    is_whole: bool

    @property
    def is_certain(self) -> bool:
        """Whether there is exactly one order, and Sitecore CDP returned this number with it."""
        return self.is_whole and len(self.orders) == 1 and bool(self.orders[0].reference_id)


@dataclass(frozen=True, slots=True)
class OrderRead:
    """An order with its consumers.

    ``listed``: None if the consumers could not be read; ``list_error``: the code of the reason. ``guests``:
    whose order it is; None if they were not read. ``read_at``: when all this was read; if an earlier reading
    had more of it, when that was.
    """

    order: Order
    listed: ListedConsumers | None
    list_error: str
    read_at: datetime.datetime
    guests: tuple[OrderGuest, ...] | None = None


def find_order(number: str, *, actor: Actor, client: CdpClient, for_create: bool = False) -> FoundOrders:
    """Find orders by the organisation's own number, within ``LOOKUP_SECONDS``.

    ``for_create``: the look-up belongs to a create and may take a slot that look-ups of pages leave free.
    The number is looked up as typed. If no order has exactly this number, it is also looked up in upper case
    and in lower case, because the vendor documents no rule about case; the orders of all spellings are then
    returned. An order with another number is left out. Raises ``CdpError`` if the look-up fails.
    """
    end = time.monotonic() + LOOKUP_SECONDS
    read_at = clock.now()
    facts: dict[str, Value] = {"kind": "order", "by": ["order_number"]}
    release_database_connections()
    try:
        with client.slot() if for_create else client.lookup_slot():
            found = _orders_with_number(number, client, end)
    except CdpError as error:
        _record(Event(VENDOR_RECORDS_SEARCHED, actor, data={**facts, "result": error.code}))
        raise
    facts |= result_of(found.orders, is_whole=found.is_whole)
    with transaction.atomic():
        for order in found.orders:
            readings.store_reading(order.ref, order, None, read_at=read_at)
        record(Event(VENDOR_RECORDS_SEARCHED, actor, data=facts))
    store_latest()
    return found


def result_of(records: Sequence[object], *, is_whole: bool) -> dict[str, Value]:
    """The result of a search as its event has it. An empty list that may lack records leaves it open."""
    result = FOUND if records else ErrorCode.NOT_FOUND if is_whole else LIST_NOT_WHOLE
    return {"result": result, "count": len(records)}


def _orders_with_number(number: str, client: CdpClient, end: float) -> FoundOrders:
    """The orders whose number is exactly this one; if there is none, those of every spelling."""
    same: dict[str, Order] = {}
    is_whole = True
    for spelling in dict.fromkeys((number, number.upper(), number.lower())):
        listed = client.list_orders(reference_id=spelling, within=max(end - time.monotonic(), 0))
        is_whole &= listed.is_whole
        for order in listed.orders:
            if _has_number(order, number):
                same.setdefault(reference_key(order.ref), order)
        if exact := tuple(order for order in listed.orders if order.reference_id == number):
            return FoundOrders(exact, is_whole)
    return FoundOrders(tuple(same.values()), is_whole)


def known_orders(refs: Iterable[str], number: str) -> tuple[Order, ...]:
    """The orders with these references and this number as they were read lately. Makes no call."""
    known = (reading.order for ref in refs if (reading := readings.find_reading(ref)))
    return tuple(order for order in known if order and _has_number(order, number))


def _has_number(order: Order, number: str) -> bool:
    """Whether the order has this number in any case, or was returned without its number."""
    return order.reference_id.casefold() in ("", number.casefold())


def read_order(ref: str, *, within: float, guests_shown: int, actor: Actor, client: CdpClient) -> OrderRead:
    """Read an order and its consumers within that many seconds, and keep them for ten minutes.

    ``guests_shown``: how many of its guests the page shows, at most. The event names them and the consumers.
    A reading that is current is used instead. Raises ``CdpError`` if the order itself cannot be read.
    """
    reading = readings.find_reading(ref)
    if reading is not None and readings.is_current(reading) and (order := reading.order):
        read = OrderRead(order, reading.listed, "", reading.read_at, reading.guests)
        with transaction.atomic():
            _record_viewed(ref, actor, read, guests_shown)
        store_latest()
        return read
    began, read_at = time.monotonic(), clock.now()
    release_database_connections()
    try:
        with client.lookup_slot():
            order = client.retrieve_order(ref, within=within)
            listed, list_error = _consumers(ref, client, within - (time.monotonic() - began))
            guests = _guests(ref, client, within - (time.monotonic() - began))
    except CdpError as error:
        data: dict[str, Value] = {"kind": "order", "result": error.code}
        _record(Event(VENDOR_RECORD_VIEWED, actor, order_ref=ref, data=data))
        raise
    read = OrderRead(order, listed, list_error, read_at, guests)
    with transaction.atomic():
        readings.store_reading(ref, order, listed, read_at=read_at, guests=guests)
        _record_viewed(ref, actor, read, guests_shown)
    store_latest()
    return read


def _consumers(ref: str, client: CdpClient, within: float) -> tuple[ListedConsumers | None, str]:
    """The consumers of an order, or why they could not be read."""
    try:
        return client.read_order_consumers(ref, within=max(within, 0)), ""
    except CdpError as error:
        return None, error.code


def _guests(ref: str, client: CdpClient, within: float) -> tuple[OrderGuest, ...] | None:
    """The guests of an order; None if they could not be read, which is in the log of the call."""
    try:
        found = client.guests_of_order(ref, within=max(within, 0))
    except CdpError:
        return None
    return tuple(OrderGuest(one.ref, f"{one.first_name} {one.last_name}".strip()) for one in found)


def _record_viewed(ref: str, actor: Actor, read: OrderRead, guests_shown: int) -> None:
    """Record the order, with the consumers and guests whose names are shown. Call it in a transaction.

    A consumer is shown with the data of the guest that it belongs to.
    """
    data: dict[str, Value] = {"kind": "order", "result": FOUND}
    listed = read.listed.consumers if read.listed is not None else ()
    consumers = [one.ref for one in listed]
    shown = [*(one.ref for one in (read.guests or ())[:guests_shown]), *(one.guest_ref for one in listed)]
    guests = [*dict.fromkeys(filter(None, shown))]
    if read.listed is not None:
        data["shown"] = len(consumers)
    if guests:
        data["guest_count"] = len(guests)
    event = Event(VENDOR_RECORD_VIEWED, actor, order_ref=ref, data=data)
    record_shown(event, consumers=consumers, guests=guests)


def _record(event: Event) -> None:
    with transaction.atomic():
        record(event)
    store_latest()
