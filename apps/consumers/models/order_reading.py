"""What the portal last read of an order, kept for a few minutes."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from apps.cdp.answers import parse_json
from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer
from apps.cdp.records import Order
from apps.core import personal_data


@dataclass(frozen=True, slots=True, repr=False)
class OrderGuest:
    """A guest of an order, as the panel shows it. ``name`` is empty if the guest has none."""

    ref: str
    name: str

    def __repr__(self) -> str:
        return f"OrderGuest(ref={self.ref!r}, <personal data>)"


class OrderReading(models.Model):
    """The order and its consumers as Sitecore CDP returned them at one time. One row for each order.

    ``order_key``: the key that references of the order are compared by. ``read_at``: when the reading began,
    so that a later change is not in it.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    order_key = models.CharField(max_length=200, unique=True)
    read_at = models.DateTimeField(db_index=True)
    # Whether the consumers were read, too. A search by the order number reads only the order.
    has_consumers = models.BooleanField(default=False)
    # Whether the list of the consumers is certainly complete.
    is_whole = models.BooleanField(default=False)
    encrypted_data = models.BinaryField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="order_reading_is_whole_only_with_consumers",
                condition=Q(is_whole=False) | Q(has_consumers=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def set_data(
        self, order: Order, listed: ListedConsumers | None, guests: tuple[OrderGuest, ...] | None = None
    ) -> None:
        """Store what was read. ``listed``: None if the consumers were not read; ``guests`` likewise."""
        data: dict[str, Any] = {"order": order.to_json()}
        if listed is not None:
            data |= {
                "guests": None if guests is None else [[guest.ref, guest.name] for guest in guests],
                "refs": list(listed.refs),
                "consumers": [consumer.to_json() for consumer in listed.consumers],
                "has_ended": listed.has_ended,
            }
        self.has_consumers = listed is not None
        self.is_whole = listed is not None and listed.is_whole
        self.encrypted_data = personal_data.encrypted(
            self, "encrypted_data", json.dumps(data, ensure_ascii=False)
        )

    @property
    def order(self) -> Order | None:
        """The order; None if it cannot be read, or was erased."""
        data = self._data()
        return Order.from_json(data["order"]) if data else None

    @property
    def listed(self) -> ListedConsumers | None:
        """The consumers as far as they were read; None if they were not read, or as for ``order``."""
        data = self._data()
        if "refs" not in data:
            return None
        return ListedConsumers(
            refs=tuple(data["refs"]),
            consumers=tuple(map(OrderConsumer.from_json, data["consumers"])),
            has_ended=data["has_ended"],
            is_whole=self.is_whole,
        )

    @property
    def guests(self) -> tuple[OrderGuest, ...] | None:
        """The guests of the order as far as they were read; None if they were not."""
        guests = self._data().get("guests")
        return None if guests is None else tuple(OrderGuest(ref, name) for ref, name in guests)

    def _data(self) -> dict[str, Any]:
        text = personal_data.readable_text(self, "encrypted_data")
        data = parse_json(text.encode()) if text else {}
        return data if isinstance(data, dict) else {}
