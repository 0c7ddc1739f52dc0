"""Reading the vendor's records for a person: one call, one event that tells who looked at what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import CdpError, ErrorCode
from apps.cdp.records import Guest, Order
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.connection_health import store_latest
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.orders.audit_events import VENDOR_RECORDS_SEARCHED

FOUND = "found"
NOT_FOUND = ErrorCode.NOT_FOUND


@dataclass(frozen=True, slots=True)
class OrderWithConsumers:
    """An order and the references of its consumers; ``list_error`` is the code of why those are missing."""

    order: Order
    consumer_refs: tuple[str, ...] = ()
    list_error: str = ""


def read_order(ref: str, *, actor: Actor, client: CdpClient) -> OrderWithConsumers:
    """An order with its consumers. Raises ``CdpError`` when the order itself cannot be read.

    Both calls together stay within the total limit of one: a page takes no longer than a call.
    """
    with _recorded(VENDOR_RECORD_VIEWED, actor, {"kind": "order"}, order_ref=ref):
        began = time.monotonic()
        order = client.retrieve_order(ref)
        left = settings.CDP_TOTAL_TIMEOUT - (time.monotonic() - began)
        try:
            return OrderWithConsumers(order, client.list_order_consumer_refs(ref, within=left))
        except CdpError as error:
            return OrderWithConsumers(order, list_error=error.code)


def read_guest(ref: str, *, actor: Actor, client: CdpClient) -> Guest:
    """A guest. Raises ``CdpError``."""
    with _recorded(VENDOR_RECORD_VIEWED, actor, {"kind": "guest"}, guest_ref=ref):
        return client.retrieve_guest(ref)


def read_order_consumer(ref: str, *, actor: Actor, client: CdpClient) -> OrderConsumer:
    """An order consumer. Raises ``CdpError``."""
    with _recorded(VENDOR_RECORD_VIEWED, actor, {"kind": "order_consumer"}, consumer_ref=ref):
        return client.retrieve_order_consumer(ref)


def search_orders(
    *, order_number: str = "", guest_ref: str = "", actor: Actor, client: CdpClient
) -> tuple[Order, ...]:
    """Orders by the organisation's own number or by guest. Raises ``CdpError``; ``ValueError`` unless exactly
    one of the two is given (vendor: never both, never neither)."""
    by = ["order_number"] if order_number else ["guest_ref"]
    with _recorded(VENDOR_RECORDS_SEARCHED, actor, {"kind": "order", "by": by}) as facts:
        orders = client.list_orders(reference_id=order_number, guest_ref=guest_ref)
        facts |= {"result": FOUND if orders else NOT_FOUND, "count": len(orders)}
        return orders


@contextmanager
def _recorded(
    event_type: EventType, actor: Actor, data: dict[str, Value], **refs: str
) -> Iterator[dict[str, Value]]:
    """Around the vendor's call: no database connection held, and one event before anything is shown.

    Yields the data of the event; its ``result`` is ``found`` unless the call says otherwise.
    """
    facts: dict[str, Value] = {"result": FOUND, **data}
    release_database_connections()
    try:
        yield facts
    except CdpError as error:
        _record(Event(event_type, actor, data={**facts, "result": error.code}, **refs))
        raise
    _record(Event(event_type, actor, data=facts, **refs))


def _record(event: Event) -> None:
    with transaction.atomic():
        record(event)
    store_latest()
