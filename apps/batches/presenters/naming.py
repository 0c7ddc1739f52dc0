"""What a list is called on pages, and its address."""

from __future__ import annotations

from django.urls import reverse

from apps.batches.models import Batch


def order_name(batch: Batch) -> str:
    """The number of the order, or its reference without one."""
    return batch.order_number or batch.order_ref


def batch_url(batch: Batch) -> str:
    """The address of a list."""
    return reverse("batches:batch", args=[batch.public_id])
