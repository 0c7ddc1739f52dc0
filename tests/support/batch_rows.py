"""Lists of people as stored rows, as they are after their columns were matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.changing.shown import digest_of_rows, digest_of_warnings
from apps.batches.checking.check import check_batch
from apps.batches.checking.findings import Findings
from apps.batches.models import Batch, BatchRow, BatchState, RowState, SourceKind
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.core import clock, personal_data
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.entries import clean, posted, resolved_by, store

FIRST_ROW = 2  # the first one is the header

# Two people who are not like each other.
IDA = clean()
KAI = clean(first_name="Kai", last_name="Neat", emails=("kai@example.com",))


def batch_of(
    author: User,
    rows: Iterable[NewConsumer | Mapping[str, str]],
    *,
    order: str = SAMPLE_ORDER,
    **columns: Any,
) -> Batch:
    """A batch with these rows, as consumers or as values of the form, numbered from ``FIRST_ROW``."""
    values = {
        "author": author,
        "author_name": author.name,
        "created_at": clock.now(),
        "order_ref": order,
        "state": BatchState.CHECKED,
        "source": SourceKind.PASTED,
    }
    batch = Batch.objects.create(**{**values, **columns})
    stored = []
    for number, row in enumerate(rows, start=FIRST_ROW):
        one = BatchRow(batch=batch, number=number)
        one.cells = (f"row {number}",)
        given = posted(row, order="") if isinstance(row, NewConsumer) else dict(row)
        one.values = {name: value for name, value in given.items() if name != "token"}
        stored.append(one)
    BatchRow.objects.bulk_create(stored)
    return batch


def checked(author: User, *rows: object, **columns: object) -> Batch:
    """A batch of these rows after its check."""
    batch = batch_of(author, rows, **columns)  # type: ignore[arg-type]
    check_batch(batch, client=get_client())
    return batch


def paused(author: User) -> dict[str, object]:
    """The columns of a batch that was confirmed and is paused."""
    confirmed = {"confirmed_by": author, "confirmed_at": clock.now()}
    return {"state": BatchState.PAUSED, "pause_reason": "by_person", **confirmed}


def row_of(batch: Batch, number: int) -> Any:
    """The row with this number, with its state as ``current``."""
    return selectors.rows_of(batch).get(number=number)


def states(batch: Batch) -> list[str]:
    """The states of the rows, in their order."""
    return [row.current for row in selectors.rows_of(batch)]


def findings(batch: Batch, number: int) -> Findings:
    """What was found in the row with this number."""
    return Findings.from_json(personal_data.text(row_of(batch, number), "encrypted_findings"))


def warning_codes(batch: Batch, number: int) -> list[str]:
    """The codes of the warnings of a row."""
    return [warning.code for warning in findings(batch, number).warnings]


def sent_row(
    batch: Batch, number: int, outcome: Outcome, consumer: NewConsumer, **columns: Any
) -> Submission:
    """A submission of the row with this number, with this outcome."""
    row = row_of(batch, number)
    place = {"token": row.token, "batch": batch.public_id, "batch_row": number}
    return store(batch.author, outcome, consumer, order=batch.order_ref, **{**place, **columns})


def shown_rows(batch: Batch) -> str:
    """What the page of the batch posts back to confirm its ready rows."""
    return digest_of_rows(selectors.rows_to_confirm(batch))


def shown_warnings(batch: Batch) -> str:
    """What the page of the batch posts back to confirm warnings."""
    return digest_of_warnings(selectors.rows_in(batch, [RowState.NEEDS_ATTENTION]))


def resolve_as_not_created(submission: Submission, person: User) -> None:
    """Store that the consumer of this submission does not exist, as a person resolves it."""
    facts = {"consumer_ref": "", "error_code": "read_timeout", "http_status": None}
    resolved = {**facts, **resolved_by(person), "finished_at": submission.submitted_at}
    Submission.objects.filter(pk=submission.pk).update(outcome=Outcome.NOT_CREATED, **resolved)
