"""What is known about the order of a list when it is checked. Read once, for all rows."""

from __future__ import annotations

import datetime
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.conf import settings
from django.db import transaction

from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.errors import CdpError
from apps.cdp.records import Order
from apps.consumers.duplicates.known import NOT_READ, known_on_order
from apps.consumers.models import OrderReading
from apps.consumers.order_lookup.readings import KEPT, find_reading, is_current, store_reading
from apps.core import clock
from apps.core.connections import release_database_connections
from apps.core.references import reference_key

CHECK_SECONDS: Final = 2.0
"""Limit for reading the order. A check that cannot read it compares with what the portal knows."""


@dataclass(frozen=True, repr=False)
class OrderEvidence:
    """``known``: the vendor's consumers. ``order``: None if it was not read. ``read_at``: when it began.

    ``refs``: the references of all consumers that the vendor listed; None if the list was not read to its
    end.
    """

    read_at: datetime.datetime
    known: ListedConsumers = NOT_READ
    order: Order | None = None
    refs: tuple[str, ...] | None = None

    def may_still_have(self, consumer: str) -> bool:
        """Whether a consumer that was found earlier may be on the order and was not compared again.

        ``consumer``: the key of its reference.
        """
        return consumer not in self._compared and (not self.known.is_whole or consumer in self._listed)

    @cached_property
    def _compared(self) -> frozenset[str]:
        """The keys of the references of the consumers that are compared."""
        return frozenset(reference_key(one.ref) for one in self.known.consumers)

    @cached_property
    def _listed(self) -> frozenset[str]:
        """The keys of all references that are known."""
        return frozenset(map(reference_key, self.known.refs))


def known_evidence(order_ref: str) -> OrderEvidence:
    """What the portal has read of the order within the last ten minutes. Makes no call."""
    reading, now = find_reading(order_ref), clock.now()
    if reading is None:
        return OrderEvidence(now)
    return OrderEvidence(now, known_on_order(None, reading.listed), reading.order)


def read_evidence(order_ref: str, client: CdpClient) -> OrderEvidence:
    """Read the order and its consumers within ``CHECK_SECONDS``, as a send does before it compares.

    A current reading of the order's page stands for it. A failure, or a list that is not whole, weakens the
    comparison. It never stops the check. No database connection is held meanwhile. What was read is kept for
    ten minutes, for the checks after corrections and for the sends. Nobody sees it, so there is no event.
    """
    read_at, end = clock.now(), time.monotonic() + CHECK_SECONDS
    reading = find_reading(order_ref)
    known_order, kept = (reading.order, reading.listed) if reading else (None, None)
    if reading is not None and kept is not None and is_current(reading):
        return _evidence(read_at, kept, kept, known_order)
    if not settings.CDP_RECONCILIATION:
        return _evidence(read_at, None, kept, known_order)
    release_database_connections()
    order: Order | None = None
    listed: ListedConsumers | None = None
    with suppress(CdpError), client.lookup_slot():
        if settings.CDP_ORDER_PAGES:
            # A slow order that is known leaves time for its consumers, which matter more.
            within = (end - time.monotonic()) / (2 if known_order else 1)
            with suppress(CdpError):
                order = client.retrieve_order(order_ref, within=within)
        listed = client.read_order_consumers(order_ref, within=max(end - time.monotonic(), 0))
    if settings.CDP_ORDER_PAGES and (order is not None or listed is not None):
        _store(order_ref, order, listed, reading, read_at=read_at)
    return _evidence(read_at, listed, kept, order or known_order)


def _store(
    order_ref: str,
    order: Order | None,
    listed: ListedConsumers | None,
    earlier: OrderReading | None,
    *,
    read_at: datetime.datetime,
) -> None:
    """Store what was read of the order and of its consumers. None: that could not be read; not both.

    Values that only the ``earlier`` reading has are kept: the order, its guests, and the data of consumers
    that this list only referred to or did not reach. The stored reading then keeps the earlier time, so that
    nothing is kept beyond ``KEPT``. If only guests would be kept, they are kept during the first half of
    ``KEPT``.
    """
    known_order, kept = (earlier.order, earlier.listed) if earlier else (None, None)
    guests = None
    if earlier is not None and listed is not None:
        merged = known_on_order(listed, kept)
        has_guests = earlier.guests is not None and read_at - earlier.read_at < KEPT / 2
        if order is None or has_guests or merged != known_on_order(listed):
            listed, read_at, guests = merged, earlier.read_at, earlier.guests
    order = order or known_order
    if order is None:
        return
    with transaction.atomic():
        store_reading(order_ref, order, listed, read_at=read_at, guests=guests)


def _evidence(
    read_at: datetime.datetime,
    listed: ListedConsumers | None,
    kept: ListedConsumers | None,
    order: Order | None,
) -> OrderEvidence:
    refs = listed.refs if listed is not None and listed.has_ended else None
    return OrderEvidence(read_at, known_on_order(listed, kept), order, refs)
