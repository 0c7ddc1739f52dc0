"""The keys by which warnings about rows of a batch are confirmed, and what they confirm at the send."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from apps.batches.checking.earlier import submission_ids_by_row
from apps.batches.models import Batch, BatchRow
from apps.consumers.models import Submission
from apps.consumers.sending.warnings import similar_key

_ROW = "row"


def row_key(number: int, rule: str) -> str:
    """The key of the warning that a row is like the earlier row of this number."""
    return f"{_ROW}:{number}:{rule}"


def row_of_key(key: str) -> int | None:
    """The number of the row that a key from :func:`row_key` is about; None for any other key."""
    kind, _colon, rest = key.partition(":")
    number = rest.partition(":")[0]
    return int(number) if kind == _ROW and number.isdecimal() else None


def accepted_keys(row: BatchRow) -> frozenset[str]:
    """What was confirmed at a row, as the keys that ``submit`` compares.

    A warning about an earlier row confirms the same warning about the submission that was made for it.
    """
    numbers = _rows_named(row)
    return with_submission_keys(row.accepted, submission_ids_by_row(row.batch, numbers) if numbers else {})


def blocking_submission(batch: Batch, row: BatchRow, same: Sequence[Submission]) -> Submission | None:
    """The first of these identical submissions that keeps the row from being sent.

    Not one that a person has decided to repeat: of an identical row of this batch that was confirmed, or one
    that was created and named by a release.
    """
    if not same:  # nearly always
        return None
    numbers = _rows_named(row)
    for one in same:
        is_confirmed = one.batch == batch.public_id and one.batch_row in numbers
        if not (is_confirmed or (str(one.public_id) in row.released and not one.is_open)):
            return one
    return None


def _rows_named(row: BatchRow) -> set[int]:
    """The numbers of the rows that the keys confirmed at this row are about."""
    return {number for key in row.accepted if (number := row_of_key(key)) is not None}


def with_submission_keys(
    accepted: Iterable[str], submissions: Mapping[int, tuple[uuid.UUID, ...]]
) -> frozenset[str]:
    """The keys, and those about the submissions of the rows that they name. ``submissions``: by row."""
    keys = set(accepted)
    for key in tuple(keys) if submissions else ():
        number = row_of_key(key)
        for public_id in submissions.get(number, ()) if number is not None else ():
            keys.add(similar_key(str(public_id), key.rpartition(":")[2]))
    return frozenset(keys)
