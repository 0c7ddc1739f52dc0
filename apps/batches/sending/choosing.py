"""Choose the row of a batch that is sent next, and put aside those that cannot be sent as they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from apps.batches import selectors
from apps.batches.checking.accepting import blocking_submission
from apps.batches.checking.check import check_rows
from apps.batches.checking.earlier import submissions_with_content
from apps.batches.checking.entries import validated
from apps.batches.models import Batch, BatchRow, OwnState
from apps.cdp.consumers import NewConsumer
from apps.consumers.forms.entry import Entry
from apps.consumers.models import Submission
from apps.consumers.selectors import providers


class RowNotReadable(Exception):
    """The next row cannot be decrypted by this process, so it does not know what is to be sent."""


class NoRow(Enum):
    """Why no row is sent now."""

    NONE_READY = auto()
    ALL_WAIT = auto()  # every ready row is identical to a submission that is being sent or unknown


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """The row that is sent next, and what is sent of it."""

    row: BatchRow
    entry: Entry
    consumer: NewConsumer


def next_row(batch: Batch) -> Chosen | NoRow:
    """The first row, in the order of the file, that can be sent now.

    Rows before it may change: a row that is not valid any more needs attention; one whose content was
    created meanwhile is already sent. A row that is identical to an open submission waits. One that was
    already sent is checked again once that submission has created nothing, or other content.

    Raises :class:`RowNotReadable`, and leaves that row as it is.
    """
    if again := [*selectors.rows_not_sent_after_all(batch)]:
        check_rows(batch, again)
    invalid: list[BatchRow] = []
    found = _first_sendable(batch, invalid)
    if invalid:  # together, because a check compares all rows
        check_rows(batch, invalid)
    if found is NoRow.NONE_READY and any(map(_waits_for_a_key, again)):
        raise RowNotReadable
    return found


def _waits_for_a_key(row: BatchRow) -> bool:
    """Whether a row was confirmed and could not be checked again, because it cannot be decrypted."""
    is_confirmed = row.confirmed_version == row.version
    return is_confirmed and row.values is None and bool(row.encrypted_values)


def _first_sendable(batch: Batch, invalid: list[BatchRow]) -> Chosen | NoRow:
    """The row that :func:`next_row` returns. Adds the rows before it that are not valid to ``invalid``."""
    offered = providers()
    waiting: set[frozenset[tuple[str, str]]] = set()  # the values of rows, of which hundreds may be identical
    for pk in [*selectors.rows_to_send(batch).values_list("pk", flat=True)]:
        row = BatchRow.objects.get(pk=pk)
        if waiting and _values_of(row) in waiting:
            continue
        read = validated(batch, row, providers=offered)
        if read.is_unreadable:
            raise RowNotReadable
        if read.entry is None:
            invalid.append(row)
            continue
        consumer = read.entry.to_new_consumer()
        same = _submission_blocking_now(batch, row, consumer)
        if same is None:
            return Chosen(row, read.entry, consumer)
        if same.is_open:
            waiting.add(_values_of(row))
        else:
            _mark_already_sent(row, same)
    return NoRow.ALL_WAIT if waiting else NoRow.NONE_READY


def _values_of(row: BatchRow) -> frozenset[tuple[str, str]]:
    return frozenset((row.values or {}).items())


def _submission_blocking_now(batch: Batch, row: BatchRow, consumer: NewConsumer) -> Submission | None:
    """A submission because of which the row is not sent now: open, or created and no person has decided."""
    [same] = submissions_with_content(batch.order_ref, [consumer])
    return same[0] if same and same[0].is_open else blocking_submission(batch, row, same)


def _mark_already_sent(row: BatchRow, same: Submission) -> None:
    """Mark the row as already sent because of this submission, unless it has changed since it was read."""
    as_it_was = BatchRow.objects.filter(pk=row.pk, token=row.token, version=row.version, state=OwnState.READY)
    as_it_was.update(state=OwnState.ALREADY_SENT, earlier=same.public_id, earlier_differs=False)
