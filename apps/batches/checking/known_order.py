"""What the portal knows about the order of a batch when its rows are checked. Read once, for all rows."""

from __future__ import annotations

import datetime
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.db import transaction

from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.errors import CdpError
from apps.cdp.records import Order
from apps.consumers.duplicates.known import NOT_READ, known_on_order
from apps.consumers.models import OrderReading
from apps.consumers.order_lookup.readings import KEPT, find_reading, is_current, store_reading
from apps.consumers.sending.submit import SNAPSHOT_SECONDS
from apps.core import clock
from apps.core.connections import release_database_connections
from apps.core.references import reference_key


@dataclass(frozen=True, repr=False)
class KnownOrder:
    """``listed``: the vendor's consumers. ``order``: None if it was not read.

    ``read_at``: when the check began to read it, also if it then used what the portal has kept.
    ``refs``: the references of all consumers that the vendor listed; None if the list was not read to its
    end.
    """

    read_at: datetime.datetime
    listed: ListedConsumers = NOT_READ
    order: Order | None = None
    refs: tuple[str, ...] | None = None

    def may_still_have(self, consumer: str) -> bool:
        """Whether a consumer that was found earlier may be on the order and was not compared again.

        ``consumer``: the key of its reference.
        """
        if consumer in self._compared_keys:
            return False
        return not self.listed.is_whole or consumer in self._listed_keys

    @cached_property
    def _compared_keys(self) -> frozenset[str]:
        """The keys of the references of the consumers that are compared."""
        return frozenset(reference_key(one.ref) for one in self.listed.consumers)

    @cached_property
    def _listed_keys(self) -> frozenset[str]:
        """The keys of all references that are known."""
        return frozenset(map(reference_key, self.listed.refs))


def find_known_order(order_ref: str) -> KnownOrder:
    """What the portal has read of the order within the last ten minutes. Makes no call."""
    reading, now = find_reading(order_ref), clock.now()
    if reading is None:
        return KnownOrder(now)
    return KnownOrder(now, known_on_order(None, reading.listed), reading.order)


def read_known_order(order_ref: str, client: CdpClient) -> KnownOrder:
    """Read the order and its consumers within ``SNAPSHOT_SECONDS``, as a send does before it compares.

    A current reading of the order's page is used instead. A failure, or a list that is not whole, weakens the
    comparison, but never stops the check. No database connection is held meanwhile. What was read is kept for
    ten minutes, for the checks after corrections and for the sends. There is no event, because it is shown to
    nobody.
    """
    read_at, end = clock.now(), time.monotonic() + SNAPSHOT_SECONDS
    reading = find_reading(order_ref)
    earlier_order, kept = (reading.order, reading.listed) if reading else (None, None)
    if reading is not None and kept is not None and is_current(reading):
        return _known_order(read_at, kept, kept, earlier_order)
    if not settings.CDP_RECONCILIATION:
        return _known_order(read_at, None, kept, earlier_order)
    release_database_connections()
    order: Order | None = None
    listed: ListedConsumers | None = None
    with suppress(CdpError), client.lookup_slot():
        if settings.CDP_ORDER_PAGES:
            # A slow order that is known leaves time for its consumers, which matter more.
            within = (end - time.monotonic()) / (2 if earlier_order else 1)
            with suppress(CdpError):
                order = client.retrieve_order(order_ref, within=within)
        listed = client.read_order_consumers(order_ref, within=max(end - time.monotonic(), 0))
    if settings.CDP_ORDER_PAGES and (order is not None or listed is not None):
        _store(order_ref, order, listed, reading, read_at=read_at)
    return _known_order(read_at, listed, kept, order or earlier_order)


def _store(
    order_ref: str,
    order: Order | None,
    listed: ListedConsumers | None,
    earlier: OrderReading | None,
    *,
    read_at: datetime.datetime,
) -> None:
    """Store what was read of the order and of its consumers. None: that could not be read; not both.

    An order that could not be read stays as in the ``earlier`` reading, under its time, so that nothing is
    kept beyond ``KEPT``. Without an earlier one, nothing is stored.
    """
    if order is None and earlier is not None:
        order, read_at = earlier.order, earlier.read_at
    if order is not None:
        with transaction.atomic():
            # Without a reading, the list is checked again before it is confirmed: it may be deleted early.
            store_reading(order_ref, order, listed, read_at=read_at, merged_for=KEPT)


def _known_order(
    read_at: datetime.datetime,
    listed: ListedConsumers | None,
    kept: ListedConsumers | None,
    order: Order | None,
) -> KnownOrder:
    refs = listed.refs if listed is not None and listed.has_ended else None
    return KnownOrder(read_at, known_on_order(listed, kept), order, refs)
