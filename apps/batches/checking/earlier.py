"""Submissions because of which a row is not sent: they already have its content, or are open.

Erased submissions are not among them, because they have no digest of their content.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import QuerySet

from apps.batches.models import Batch
from apps.cdp.consumers import NewConsumer
from apps.consumers.models import Submission
from apps.consumers.selectors import MAY_EXIST, submissions_on_order
from apps.consumers.sending.digests import content_digests

_COLUMNS = ("public_id", "token", "content_digest", "outcome", "contradicted", "batch", "batch_row")


def submissions_with_content(
    order_ref: str, consumers: Sequence[NewConsumer]
) -> list[tuple[Submission, ...]]:
    """For each consumer, the submissions of exactly this consumer to the order whose consumer may exist.

    Open ones first, then the newest. One query, whatever the number of consumers.
    """
    digests = [content_digests(order_ref, consumer) for consumer in consumers]
    by_digest: dict[bytes, list[Submission]] = {}
    wanted = {digest for under_each_key in digests for digest in under_each_key}
    if wanted:
        found = _existing(order_ref).filter(content_digest__in=wanted)
        for submission in found.only(*_COLUMNS).order_by("-submitted_at", "-id"):
            by_digest.setdefault(bytes(submission.content_digest), []).append(submission)
    return [
        tuple(
            sorted(
                (one for digest in under_each_key for one in by_digest.get(digest, ())),
                key=lambda one: not one.is_open,
            )
        )
        for under_each_key in digests
    ]


def sent_before(batch: Batch, numbers: Iterable[int]) -> dict[int, Submission]:
    """The submissions of the rows with these numbers from the batches that this one replaces.

    Only those to this order, because a batch may have been uploaded for a wrong one, and whose consumer
    exists or may exist; of several with one number, an open one, else the newest.
    """
    replaced = _replaced(batch)
    found: dict[int, Submission] = {}
    if not replaced:
        return found
    submissions = _existing(batch.order_ref).filter(batch__in=replaced, batch_row__in=list(numbers))
    for submission in submissions.only(*_COLUMNS).order_by("submitted_at", "id"):
        number = submission.batch_row
        if number is not None and not (number in found and found[number].is_open):
            found[number] = submission
    return found


def submission_ids_by_row(
    batch: Batch, numbers: Collection[int] | None = None
) -> Mapping[int, tuple[uuid.UUID, ...]]:
    """The ids of the submissions that were made for the rows of the batch, by the number of the row.

    ``numbers``: of the rows, if not all are needed.
    """
    found: dict[int, tuple[uuid.UUID, ...]] = {}
    made = Submission.objects.filter(batch=batch.public_id).order_by("submitted_at", "id")
    if numbers is not None:
        made = made.filter(batch_row__in=numbers)
    for number, public_id in made.values_list("batch_row", "public_id"):
        if number is not None:
            found[number] = (*found.get(number, ()), public_id)
    return found


def _existing(order_ref: str) -> QuerySet[Submission]:
    """The submissions to the order whose consumer exists or may exist."""
    return submissions_on_order(order_ref).filter(MAY_EXIST)


def _replaced(batch: Batch) -> list[uuid.UUID]:
    """The batches that this one replaces, the latest first."""
    found: list[uuid.UUID] = []
    earlier = batch.replaces
    while earlier is not None:
        found.append(earlier.public_id)
        earlier = earlier.replaces
    return found
