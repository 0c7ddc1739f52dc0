"""The name of a batch on pages, and its address."""

from __future__ import annotations

from django.urls import reverse

from apps.batches.models import Batch


def order_name(batch: Batch) -> str:
    """The number of the order, or its reference without one."""
    return batch.order_number or batch.order_ref


def batch_url(batch: Batch) -> str:
    """The address of the page of a batch."""
    return reverse("batches:batch", args=[batch.public_id])
