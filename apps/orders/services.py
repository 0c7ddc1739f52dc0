"""Read the vendor's records for a person, and record each read as an audit event."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from django.conf import settings
from django.db import transaction

from apps.audit.events import Event, Value
from apps.audit.registry import EventType
from apps.cdp.client import CdpClient, ListedGuests, ListedOrders
from apps.cdp.consumers import Identifier, OrderConsumer
from apps.cdp.errors import CdpError
from apps.cdp.records import Guest
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED, VENDOR_RECORDS_SEARCHED
from apps.consumers.connection_health import store_latest
from apps.consumers.models import DigestKind
from apps.consumers.order_lookup import lookup
from apps.consumers.order_lookup.lookup import FOUND, OrderRead
from apps.consumers.recording import record_shown
from apps.consumers.searches import store_search
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.encryption import MissingKeyError

logger = logging.getLogger(__name__)


def read_order(ref: str, *, actor: Actor, client: CdpClient) -> OrderRead:
    """Read an order with its consumers. Raises ``CdpError`` if the order itself cannot be read.

    All calls share the total timeout of one call (``CDP_TOTAL_TIMEOUT``, seconds).
    """
    within = settings.CDP_TOTAL_TIMEOUT
    return lookup.read_order(ref, within=within, guests_shown=0, actor=actor, client=client)


def read_guest(ref: str, *, actor: Actor, client: CdpClient) -> Guest:
    """Read a guest. Raises ``CdpError`` if it cannot be read."""
    with _recorded(client, VENDOR_RECORD_VIEWED, actor, {"kind": "guest"}, guest_ref=ref):
        return client.retrieve_guest(ref)


def read_order_consumer(ref: str, *, actor: Actor, client: CdpClient) -> OrderConsumer:
    """Read an order consumer. Raises ``CdpError`` if it cannot be read."""
    recorded = _recorded(client, VENDOR_RECORD_VIEWED, actor, {"kind": "order_consumer"}, consumer_ref=ref)
    with recorded as (_, guests):
        found = client.retrieve_order_consumer(ref)
        if found.guest_ref:
            guests.append(found.guest_ref)
        return found


def search_orders(
    *, order_number: str = "", guest_ref: str = "", actor: Actor, client: CdpClient
) -> ListedOrders:
    """Search for orders by the organisation's own number or by guest.

    Raises ``CdpError`` if the search fails, ``ValueError`` unless exactly one of the two is given (vendor's
    rule).
    """
    by = ["order_number"] if order_number else ["guest_ref"]
    recorded = _recorded(client, VENDOR_RECORDS_SEARCHED, actor, {"kind": "order", "by": by})
    with recorded as (facts, shown):
        listed = client.list_orders(reference_id=order_number, guest_ref=guest_ref)
        facts.update(lookup.result_of(listed.orders, is_whole=listed.is_whole))
        if listed.orders and guest_ref:
            shown.append(guest_ref)
        return listed


def search_guests(
    *, email: str = "", identifier: Identifier | None = None, actor: Actor, client: CdpClient
) -> ListedGuests:
    """Search for guests by e-mail address or by identifier. The event names the search, never its value.

    Raises ``CdpError`` if the search fails, ``ValueError`` unless exactly one of the two is given.
    """
    personal = {DigestKind.IDENTIFIER: identifier.id} if identifier else {DigestKind.EMAIL: email}
    data: dict[str, Value] = {"kind": "guest", "by": [kind.value for kind in personal]}
    with _recorded(client, VENDOR_RECORDS_SEARCHED, actor, data, personal=personal) as (facts, shown):
        listed = client.search_guests(email=email, identifier=identifier)
        facts.update(lookup.result_of(listed.guests, is_whole=listed.is_whole))
        shown += [guest.ref for guest in listed.guests]
        if shown:
            facts["guest_count"] = len(shown)
        return listed


@contextmanager
def _recorded(
    client: CdpClient,
    event_type: EventType,
    actor: Actor,
    data: dict[str, Value],
    *,
    personal: Mapping[DigestKind, str] | None = None,
    **refs: str,
) -> Iterator[tuple[dict[str, Value], list[str]]]:
    """Release database connections during the vendor's call, then record one event, also after an error.

    The call holds a slot for look-ups, so that reloaded pages leave one to creates while the vendor is slow.
    Yields the event's data, which the block can change, and a list for the references of the guests that it
    shows; ``result`` is ``found`` by default. ``personal``: the personal values that are searched for, which
    are stored with the event.
    """
    facts: dict[str, Value] = {"result": FOUND, **data}
    guests: list[str] = []
    release_database_connections()
    try:
        with client.lookup_slot():
            yield facts, guests
    except CdpError as error:
        _record(Event(event_type, actor, data={**facts, "result": error.code}, **refs), personal, ())
        raise
    _record(Event(event_type, actor, data=facts, **refs), personal, guests)


def _record(event: Event, personal: Mapping[DigestKind, str] | None, guests: Sequence[str]) -> None:
    with transaction.atomic():
        if personal:
            try:
                search = store_search(personal, actor=event.actor)
                event = replace(event, data={**event.data, "search": str(search.public_id)})
            except MissingKeyError:  # raised before anything is stored; the call was made, so it is recorded
                logger.error("search_not_stored key_missing")
        record_shown(event, guests=guests)
    store_latest()
