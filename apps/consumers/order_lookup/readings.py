"""Readings of orders: what was read last is used again for a short time, and deleted soon after."""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db.models import Q, QuerySet

from apps.cdp.client import ListedConsumers
from apps.cdp.records import Order
from apps.consumers import selectors
from apps.consumers.duplicates.known import known_on_order
from apps.consumers.models import OrderReading
from apps.consumers.models.order_reading import OrderGuest
from apps.core import clock
from apps.core.encryption import MissingKeyError
from apps.core.references import reference_key

logger = logging.getLogger(__name__)

KEPT = datetime.timedelta(minutes=10)
HALF_LIFE = KEPT / 2
FRESH = datetime.timedelta(seconds=60)
# The clocks of two machines differ. A time further ahead is from before the clock was set back, so it is old.
AHEAD = datetime.timedelta(seconds=clock.TOLERANCE)


def find_reading(order_ref: str) -> OrderReading | None:
    """What was read of an order within the last ten minutes."""
    return _kept(order_ref) if settings.CDP_ORDER_PAGES else None


def _kept(order_ref: str) -> OrderReading | None:
    now = clock.now()
    return selectors.order_reading(order_ref, since=now - KEPT, until=now + AHEAD)


def _expired() -> QuerySet[OrderReading]:
    """The readings that :func:`find_reading` does not return any more."""
    now = clock.now()
    return OrderReading.objects.filter(Q(read_at__lt=now - KEPT) | Q(read_at__gt=now + AHEAD))


def is_current(reading: OrderReading) -> bool:
    """Whether the list of consumers can be used instead of a new reading: at most a minute old, and whole.

    A submission to the order that was under way since, or is not finished, may have changed the list.
    """
    age = clock.now() - reading.read_at
    is_fresh = reading.is_whole and datetime.timedelta() <= age < FRESH
    return is_fresh and not selectors.may_have_changed_since(reading.order_key, reading.read_at)


def store_reading(
    order_ref: str,
    order: Order,
    listed: ListedConsumers | None,
    *,
    read_at: datetime.datetime,
    guests: tuple[OrderGuest, ...] | None = None,
    merged_for: datetime.timedelta = HALF_LIFE,
) -> None:
    """Replace the stored reading of an order. What only an earlier one has stays, under its time.

    That is the data of consumers that this one did not reach, if the earlier one is younger than
    ``merged_for``, and the guests, if it is younger than ``HALF_LIFE``: what was read now is deleted with the
    oldest part. Without ``listed``, consumers and guests stay as they are, if the earlier one is younger than
    ``merged_for``. ``read_at``: when the reading began. Call it in the transaction of the event about the
    reading.
    """
    stored = _kept(order_ref)
    if stored is not None and stored.has_consumers:
        age = read_at - stored.read_at
        if listed is None and age < merged_for:
            listed, read_at, guests = stored.listed, stored.read_at, stored.guests
        elif listed is not None:
            merged = known_on_order(listed, stored.listed)
            lacks_data = merged != known_on_order(listed) and age < merged_for
            lacks_guests = guests is None and stored.guests is not None and age < HALF_LIFE
            if lacks_data or lacks_guests:
                listed, read_at = merged, min(read_at, stored.read_at)
                guests = stored.guests if guests is None else guests
    row = OrderReading(order_key=reference_key(order_ref), read_at=read_at)
    if stored is not None:
        row.public_id = stored.public_id
    try:
        row.set_data(order, listed, guests)
    except MissingKeyError:
        logger.error("order_reading_not_stored key_missing")  # the next reader calls the vendor
        return
    if stored is None:
        _expired().filter(order_key=row.order_key).delete()
        # Another request may insert the row at the same time. Its reading is as good as this one.
        OrderReading.objects.bulk_create([row], ignore_conflicts=True)
        return
    columns = ("read_at", "has_consumers", "is_whole", "encrypted_data")
    values = {name: getattr(row, name) for name in columns}
    OrderReading.objects.filter(pk=stored.pk, read_at__lte=read_at).update(**values)


def delete_expired_readings() -> int:
    """Delete the readings older than ten minutes, with their personal data. Returns their number."""
    deleted, _by_model = _expired().delete()
    return deleted
