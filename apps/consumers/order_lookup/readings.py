"""Readings of orders: what was read last is used again for a short time, and deleted soon after."""

from __future__ import annotations

import datetime
import logging

from django.conf import settings

from apps.cdp.client import ListedConsumers
from apps.cdp.records import Order
from apps.consumers import selectors
from apps.consumers.models import OrderReading
from apps.consumers.models.order_reading import OrderGuest
from apps.core import clock
from apps.core.encryption import MissingKeyError
from apps.core.references import reference_key

logger = logging.getLogger(__name__)

KEPT = datetime.timedelta(minutes=10)
FRESH = datetime.timedelta(seconds=60)


def find_reading(order_ref: str) -> OrderReading | None:
    """What was read of an order within the last ten minutes."""
    if not settings.CDP_ORDER_PAGES:
        return None
    return selectors.order_reading(order_ref, since=clock.now() - KEPT)


def is_current(reading: OrderReading) -> bool:
    """Whether the list of consumers may stand for a new reading: a minute old at most, and whole.

    A submission to the order that was under way since, or is not finished, may have changed the list.
    """
    is_fresh = reading.is_whole and clock.now() - reading.read_at < FRESH
    return is_fresh and not selectors.may_have_changed_since(reading.order_key, reading.read_at)


def store_reading(
    order_ref: str,
    order: Order,
    listed: ListedConsumers | None,
    *,
    read_at: datetime.datetime,
    guests: tuple[OrderGuest, ...] | None = None,
) -> None:
    """Replace the stored reading of an order. Without ``listed``, an earlier one's consumers and guests stay.

    ``read_at``: when the reading began. Call it in the transaction of the event about the reading.
    """
    stored = selectors.order_reading(order_ref, since=clock.now() - KEPT)
    if listed is None and stored is not None and stored.has_consumers:
        listed, read_at, guests = stored.listed, stored.read_at, stored.guests
    row = OrderReading(order_key=reference_key(order_ref), read_at=read_at)
    if stored is not None:
        row.public_id = stored.public_id
    try:
        row.set_data(order, listed, guests)
    except MissingKeyError:
        logger.error("order_reading_not_stored key_missing")  # the next reader calls the vendor
        return
    if stored is None:
        OrderReading.objects.filter(order_key=row.order_key, read_at__lt=clock.now() - KEPT).delete()
        # Another request may insert the row at the same time. Its reading is as good as this one.
        OrderReading.objects.bulk_create([row], ignore_conflicts=True)
        return
    columns = ("read_at", "has_consumers", "is_whole", "encrypted_data")
    values = {name: getattr(row, name) for name in columns}
    OrderReading.objects.filter(pk=stored.pk, read_at__lte=read_at).update(**values)


def delete_expired_readings() -> int:
    """Delete the readings older than ten minutes, with their personal data. Returns their number."""
    deleted, _by_model = OrderReading.objects.filter(read_at__lt=clock.now() - KEPT).delete()
    return deleted
