"""Hold a batch for a change of its rows, and the reasons why nothing was changed.

Each change is one transaction that holds the batch, as the transaction before a send does: a row is changed
or sent, never both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apps.batches import selectors
from apps.batches.changing.shown import AllShown, ChosenRows, digest_of_rows
from apps.batches.models import (
    ENDED_STATES,
    FINAL_STATES,
    Batch,
    BatchRow,
    BatchState,
    OwnState,
    RowState,
)


class NotChanged(Exception):
    """Nothing was changed."""


class RowChanged(NotChanged):
    """A row is being sent, was sent, or has changed since the person saw it. ``number``: of the row."""

    def __init__(self, number: int) -> None:
        super().__init__("The row has changed meanwhile")
        self.number = number


class NotPossible(NotChanged):
    """The state does not allow it.

    ``code``: ``stopped``, ``erased``, ``not_matched``, ``not_ended``, ``no_rows``, ``no_such_row``,
    ``reason_missing``, ``not_already_sent``, ``open``, or ``other_rows`` or ``other_warnings`` than those
    that were shown.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def held_batch(batch: Batch, *, ended: bool = False) -> Batch:
    """The batch, held until the commit. ``ended``: whether it has to be over; else it must not be stopped.

    Raises :class:`NotPossible`.
    """
    held = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if held.erased_at is not None:
        raise NotPossible("erased")
    if ended and held.state not in ENDED_STATES:
        raise NotPossible("not_ended")
    if not ended and held.state in FINAL_STATES:
        raise NotPossible("stopped")
    if held.state == BatchState.MATCHING:
        raise NotPossible("not_matched")
    return held


def rows_with(batch: Batch, numbers: Iterable[int]) -> list[Any]:
    """The rows with these numbers, each with its state as ``current``. Raises :class:`NotPossible`."""
    wanted = set(numbers)
    found = list(selectors.rows_of(batch).filter(number__in=wanted))
    if len(found) != len(wanted):
        raise NotPossible("no_such_row")
    return found


def chosen_rows(batch: Batch, chosen: ChosenRows, all_in: RowState) -> list[Any]:
    """As :func:`rows_with`, for a batch that is held. ``all_in``: the state of the rows of ``AllShown``.

    Raises :class:`NotPossible`.
    """
    if not isinstance(chosen, AllShown):
        return rows_with(batch, chosen)
    found = list(selectors.rows_in(batch, [all_in]))
    if digest_of_rows(found) != chosen.digest:
        raise NotPossible("other_rows")
    return found


def require_unsent(found: list[Any]) -> list[Any]:
    """These rows, none of which has a submission. Raises :class:`RowChanged`."""
    for row in found:
        if row.current not in OwnState.values:
            raise RowChanged(row.number)
    return found


def save_row(row: BatchRow, *columns: str, state: bool = True) -> None:
    """Store these columns, by default with the state, as another version of the row."""
    row.version += 1
    row.save(update_fields=[*columns, "version", *(["state"] if state else [])])
