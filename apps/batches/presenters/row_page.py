"""The page of one row: what was sent of it before, what is wrong with it, and what can be done."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext

from apps.batches.checking.entries import names_order
from apps.batches.models import Batch, BatchRow, RowState
from apps.batches.presenters.conflicts import Conflict
from apps.batches.presenters.naming import order_name
from apps.batches.presenters.rows import MAY_BE_LEFT_OUT, name_of
from apps.consumers import labels as consumer_labels
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.presenters.entry import WarningLine
from apps.consumers.reconciliation.resolution import shown_outcome
from apps.consumers.viewer import Viewer

_REFUSED: Final = frozenset(RowState(outcome) for outcome in CORRECTABLE_OUTCOMES)
"""The states of a row whose submission created nothing."""


@dataclass(frozen=True, slots=True)
class EarlierSubmission:
    """The submission because of which a row is already sent.

    ``differs``: whether it has other details than the row. ``may_be_repeated``: whether the row can be
    released.
    """

    public_id: uuid.UUID
    actor_name: str
    submitted_at: dt.datetime
    outcome: Outcome
    differs: bool
    may_be_repeated: bool


@dataclass(frozen=True, slots=True)
class RowPage:
    """Everything of the page besides its forms.

    ``list_url``: the return address. ``version``: of the row, as the form posts it. ``refusal``: why its
    submission created nothing; empty otherwise. ``receipt_url``: of the submission; empty without one, or if
    the reader may not open it. ``conflict``: why the entry was not stored. ``other_order``: the order that
    the row names, if it is another one; ``order_error``: that this is not confirmed. ``was_sealed``: the form
    was posted after the session had ended. ``is_damaged``: a part of the posted form was missing or repeated.
    """

    batch_id: uuid.UUID
    number: int
    name: str
    order_name: str
    list_url: str
    version: str
    warnings: tuple[WarningLine, ...]
    earlier: EarlierSubmission | None
    refusal: str
    receipt_url: str
    other_order: str
    order_error: str
    is_order_confirmed: bool
    may_be_left_out: bool
    conflict: Conflict | None = None
    was_sealed: bool = False
    is_damaged: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the page only shows what was typed, because it cannot be stored any more."""
        return self.conflict is not None and self.conflict.is_final


def row_page(
    batch: Batch,
    row: Any,
    submission: Submission | None,
    *,
    viewer: Viewer,
    warnings: tuple[WarningLine, ...],
    list_url: str,
    version: str | None = None,
    is_order_confirmed: bool = False,
    conflict: Conflict | None = None,
    was_sealed: bool = False,
    is_damaged: bool = False,
) -> RowPage:
    """The page of a row from ``selectors.rows_of``. ``submission``: ``selectors.submission_of_row``.

    ``version``: that the person saw, if it may be another than the present one.
    """
    state, other_order = RowState(row.current), other_order_of(batch, row)
    is_closed = conflict is not None and conflict.is_final
    may_open = submission is not None and viewer.may_open(submission.actor_id)
    return RowPage(
        batch_id=batch.public_id,
        number=row.number,
        name=name_of(row),
        order_name=order_name(batch),
        list_url=list_url,
        version=str(row.version) if version is None else version,
        warnings=warnings,
        earlier=_earlier(row, submission, is_closed=is_closed),
        refusal=consumer_labels.reason(submission) if submission and state in _REFUSED else "",
        receipt_url=reverse("consumers:receipt", args=[submission.public_id])
        if submission is not None and may_open
        else "",
        other_order=other_order,
        order_error="" if is_closed or is_order_confirmed else _order_error(other_order),
        is_order_confirmed=is_order_confirmed,
        may_be_left_out=state in MAY_BE_LEFT_OUT and not is_closed,
        conflict=conflict,
        was_sealed=was_sealed,
        is_damaged=is_damaged,
    )


def other_order_of(batch: Batch, row: BatchRow) -> str:
    """The order that the row names, as in the file, if it is another than that of the batch; or empty."""
    text = (row.values or {}).get("order_ref", "").strip()
    return "" if names_order(batch, text) else text


def _order_error(other_order: str) -> str:
    """The error of the box that confirms the order, for a row that names this other order; or empty."""
    text = gettext("This row names another order than the list: %(order)s. Leave it out, or confirm it")
    return text % {"order": other_order} if other_order else ""


def _earlier(row: Any, submission: Submission | None, *, is_closed: bool) -> EarlierSubmission | None:
    """The earlier submission of a row that is already sent; None for any other row."""
    if submission is None or row.current != RowState.ALREADY_SENT:
        return None
    return EarlierSubmission(
        public_id=submission.public_id,
        actor_name=submission.actor_name,
        submitted_at=submission.submitted_at,
        outcome=shown_outcome(submission),
        differs=row.earlier_differs,
        may_be_repeated=submission.outcome == Outcome.CREATED and not is_closed,
    )
