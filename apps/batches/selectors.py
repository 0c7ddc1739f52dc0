"""Read batches and their rows. A row's state is the outcome of its submission, or its own without one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import CharField, Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.batches.models import Batch, RowState
from apps.consumers.models import Submission

NO_ROWS: Final = dict.fromkeys(RowState, 0)


def rows_of(batch: Batch) -> QuerySet[Any]:
    """The rows, each a ``BatchRow`` with its state as ``current``, in the order of the file."""
    outcome = Submission.objects.filter(token=OuterRef("token")).values("outcome")[:1]
    current = Coalesce(Subquery(outcome), F("state"), output_field=CharField())
    return batch.rows.annotate(current=current).order_by("number")


def rows_in(batch: Batch, states: Iterable[RowState]) -> QuerySet[Any]:
    """Those of :func:`rows_of` in one of these states."""
    return rows_of(batch).filter(current__in=list(states))


def count_by_state(batch: Batch) -> dict[RowState, int]:
    """How many rows are in each state. One statement: the sum is the number of rows at every moment."""
    counted = rows_of(batch).order_by().values_list("current").annotate(Count("pk"))
    return NO_ROWS | {RowState(state): count for state, count in counted}


def find_visible(public_id: uuid.UUID, person_id: int, *, sees_all: bool) -> Batch | None:
    """The batch with this id; None if it does not exist or the person may not see it."""
    return visible(person_id, sees_all=sees_all).filter(public_id=public_id).first()


def visible(person_id: int, *, sees_all: bool) -> QuerySet[Batch]:
    """The batches that the person may see, newest first: their own, or everybody's."""
    scope = Q() if sees_all else Q(author_id=person_id)
    return Batch.objects.filter(scope).order_by("-created_at", "-id")


def submissions_of(batch: Batch) -> QuerySet[Submission]:
    """Every submission that was made for the batch, also those of rows that were sent again."""
    return (
        Submission.objects.filter(batch=batch.public_id).defer("refs_before").order_by("submitted_at", "id")
    )
