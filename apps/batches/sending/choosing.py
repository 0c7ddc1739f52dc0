"""Choose the row of a batch that is sent next, and put aside those that cannot be sent as they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from django.db.models import F, QuerySet

from apps.batches import selectors
from apps.batches.checking.earlier import is_open, same_content
from apps.batches.checking.entries import entry_of_row, errors_of
from apps.batches.checking.findings import Findings, RowWarning
from apps.batches.models import Batch, BatchRow, OwnState
from apps.cdp.consumers import NewConsumer
from apps.consumers import labels
from apps.consumers.forms.entry import Entry
from apps.consumers.models import Submission
from apps.consumers.sending.warnings import EntryWarning
from apps.core import personal_data


class Nothing(Enum):
    """Why no row is sent now."""

    LEFT = auto()  # no row is ready
    WAITS = auto()  # every row that is ready is identical to a submission that is being sent or unknown


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """The row that is sent next, and what is sent of it."""

    row: BatchRow
    entry: Entry
    consumer: NewConsumer


def next_row(batch: Batch) -> Chosen | Nothing:
    """The first row, in the order of the file, that can be sent now.

    Rows before it may change: a row that is not valid any more needs attention; one whose content was
    created meanwhile is already sent. A row that is identical to an open submission waits.
    """
    waits = False
    for pk in [*selectors.rows_to_send(batch).values_list("pk", flat=True)]:
        row = BatchRow.objects.get(pk=pk)
        entry = entry_of_row(batch, row)
        errors = errors_of(batch, row, entry)
        if entry is None or errors:
            needs_attention(row, Findings(errors=errors))
            continue
        consumer = entry.to_new_consumer()
        same = _same_content(batch, row, consumer)
        if same is None:
            return Chosen(row, entry, consumer)
        if is_open(same):
            waits = True
        else:
            _is_already_sent(row, same)
    return Nothing.WAITS if waits else Nothing.LEFT


def needs_attention(row: BatchRow, findings: Findings) -> None:
    """Set a row aside, with what was found, unless it has changed meanwhile. The other rows go on."""
    text = findings.to_json()
    _as_it_was(row).update(
        state=OwnState.NEEDS_ATTENTION,
        encrypted_findings=personal_data.encrypted(row, "encrypted_findings", text) if text else b"",
        version=F("version") + 1,
    )


def findings_of(warnings: tuple[EntryWarning, ...]) -> Findings:
    """The warnings that stopped a send, as findings of its row."""
    return Findings(
        warnings=tuple(
            RowWarning(
                key=warning.key,
                code=warning.code,
                field=warning.field,
                text=str(labels.warning_text(warning)),
                submission=str(warning.submission.public_id) if warning.submission else "",
                needs_reason=warning.similar is not None,
            )
            for warning in warnings
        )
    )


def _same_content(batch: Batch, row: BatchRow, consumer: NewConsumer) -> Submission | None:
    """A submission because of which the row is not sent now: open, or created outside of this batch.

    A created one of another row is a warning that the person has confirmed, and one of before may have been
    released with a reason.
    """
    [same] = same_content(batch.order_ref, [consumer])
    for one in same:
        if is_open(one) or (one.batch != batch.public_id and not row.release_reason):
            return one
    return None


def _is_already_sent(row: BatchRow, same: Submission) -> None:
    _as_it_was(row).update(state=OwnState.ALREADY_SENT, earlier=same.public_id, version=F("version") + 1)


def _as_it_was(row: BatchRow) -> QuerySet[BatchRow]:
    return BatchRow.objects.filter(pk=row.pk, token=row.token, version=row.version, state=OwnState.READY)
