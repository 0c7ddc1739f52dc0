"""Check the rows of a batch: errors, warnings, and rows that were already sent. Nothing is sent.

Every row is validated and compared as an entry of the form is, and compared with the other rows. There is no
event, because what is stored can be computed again from rows and submissions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apps.batches import selectors
from apps.batches.checking.evaluation import Evaluation, evaluate
from apps.batches.checking.findings import Findings
from apps.batches.checking.known_order import KnownOrder, find_known_order, read_known_order
from apps.batches.checking.row_warnings import form_warnings
from apps.batches.models import FINAL_STATES, Batch, BatchRow, BatchState, OwnState
from apps.cdp.client import CdpClient
from apps.consumers.sending.warnings import EntryWarning
from apps.core import clock, personal_data
from apps.core.bulk_writing import update_rows

_TRIES: Final = 3
"""How often a check is computed without a lock before it locks the batch, if rows change meanwhile."""


def check_batch(batch: Batch, *, client: CdpClient) -> None:
    """Check every row that has no submission, with a new reading of the order.

    Stores the states, and when and with which consumers on the order they were found; no time if that could
    not be read. Nothing is stored before the columns were matched, after a stop, and if a check that began
    later is stored already: its reading is the newer one. Raises ``MissingKeyError``.
    """
    _check(batch, read_known_order(batch.order_ref, client))


def recheck(batch: Batch) -> None:
    """Check every row again without a call, because warnings depend on the other rows.

    If the portal does not know the order's consumers any more, the rows are checked with a new reading before
    they are confirmed: corrected ones were not compared with the consumers that only Sitecore CDP has.
    """
    _check(batch)


def check_rows(batch: Batch, rows: Iterable[BatchRow]) -> None:
    """Check these rows again without a call. They are compared with all rows of the batch."""
    _check(batch, only={row.pk for row in rows})


def set_attention(row: BatchRow, warnings: tuple[EntryWarning, ...]) -> None:
    """Store the warnings that stopped the send of a row: it needs attention until they are confirmed."""
    text = Findings(warnings=form_warnings(warnings)).to_json()
    row.state = OwnState.NEEDS_ATTENTION
    row.encrypted_findings = personal_data.encrypted(row, "encrypted_findings", text)
    unchanged = BatchRow.objects.filter(pk=row.pk, version=row.version)
    unchanged.update(state=row.state, encrypted_findings=row.encrypted_findings)


@dataclass(frozen=True, slots=True, repr=False)
class _Computed:
    """What was found in the rows as they were then. ``checked_at``: of the batch before anything was read."""

    checked_at: dt.datetime | None
    known: KnownOrder
    rows: Sequence[Any]
    found: Mapping[int, Evaluation]


def _check(batch: Batch, read: KnownOrder | None = None, *, only: set[int] | None = None) -> None:
    """Compute outside a transaction, so that nobody waits, and store it if nothing has changed meanwhile.

    ``read``: the order as it was read for this check; without it, what the portal has kept of it is used.
    ``only``: the rows whose states are stored.
    """
    columns: dict[str, Any] = {}
    for tries_left in reversed(range(_TRIES)):
        computed = _compute(batch, read)
        with transaction.atomic():
            locked = _locked(batch)
            if locked is None or (read is not None and _has_later_check(locked, read)):
                return
            unsent = _unsent(batch)
            if not _is_current(computed, locked, unsent):
                if tries_left:
                    continue
                computed = _compute(batch, read)
            # Rows that are being sent meanwhile keep their findings; the others were compared with them.
            stored_pks = computed.found.keys() & unsent.keys()
            stored_pks = stored_pks if only is None else stored_pks & only
            _store([row for row in computed.rows if row.pk in stored_pks], computed.found)
            if only is None:
                columns = _columns_of_check(computed.known, is_new_reading=read is not None)
            if columns:
                Batch.objects.filter(pk=batch.pk).update(**columns)
            break
    for name, value in columns.items():
        setattr(batch, name, value)


def _compute(batch: Batch, read: KnownOrder | None) -> _Computed:
    """Evaluate the rows. ``batch`` may have been read before its columns were changed: it is read again."""
    # Before the order: a check that was stored after it was found may have a newer reading.
    checked_at = Batch.objects.values_list("checked_at", flat=True).get(pk=batch.pk)
    known = read or find_known_order(batch.order_ref)
    rows = list(selectors.rows_of(batch).defer("encrypted_cells"))
    # After the rows, whose versions show it if the columns were changed after either was read.
    current = Batch.objects.get(pk=batch.pk)
    return _Computed(checked_at, known, rows, evaluate(current, rows, known))


def _is_current(computed: _Computed, locked: Batch, unsent: Mapping[int, tuple[int, str]]) -> bool:
    """Whether no row without a submission, and no check of the whole batch, is newer than what was read."""
    seen = {row.pk: (row.version, row.current) for row in computed.rows}
    return locked.checked_at == computed.checked_at and all(seen.get(pk) == one for pk, one in unsent.items())


def _has_later_check(batch: Batch, read: KnownOrder) -> bool:
    """Whether a check is stored that began to read the order after ``read``: it has the newer consumers.

    A time in the future is from before the clock was set back.
    """
    return batch.checked_at is not None and read.read_at < batch.checked_at <= clock.now()


def _columns_of_check(known: KnownOrder, *, is_new_reading: bool) -> dict[str, Any]:
    """What the batch stores about a check of all rows: if they were not compared with the order, no time."""
    if is_new_reading:
        is_compared = known.refs is not None or not settings.CDP_RECONCILIATION
        refs = None if known.refs is None else list(known.refs)
        return {"checked_at": known.read_at if is_compared else None, "refs_at_check": refs}
    is_compared = known.listed.has_ended or not settings.CDP_RECONCILIATION
    return {} if is_compared else {"checked_at": None}


def _locked(batch: Batch) -> Batch | None:
    """The batch, held until the commit; None if its rows are not checked any more."""
    kept = Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk, erased_at__isnull=True)
    return kept.exclude(state__in=(BatchState.MATCHING, *FINAL_STATES)).first()


def _unsent(batch: Batch) -> dict[int, tuple[int, str]]:
    """Version and state of the rows without a submission."""
    rows = selectors.rows_of(batch).order_by().filter(current__in=OwnState.values)
    return {pk: (version, state) for pk, version, state in rows.values_list("pk", "version", "current")}


def _store(rows: Iterable[BatchRow], found: Mapping[int, Evaluation]) -> None:
    """Store what has changed: states and findings in one statement, and the few other lists of keys."""
    changed: list[tuple[int, tuple[Any, ...]]] = []
    for row in rows:
        one = found[row.pk]
        text = one.findings.to_json()
        if list(one.accepted) != row.accepted:
            BatchRow.objects.filter(pk=row.pk).update(accepted=list(one.accepted))
        is_stored = text == personal_data.readable_text(row, "encrypted_findings")
        own = (one.state, one.earlier, one.earlier_differs)
        if own == (row.state, row.earlier, row.earlier_differs) and is_stored:
            continue
        encrypted = personal_data.encrypted(row, "encrypted_findings", text)
        changed.append((row.pk, (str(one.state), encrypted, one.earlier, one.earlier_differs)))
    update_rows(BatchRow, ["state", "encrypted_findings", "earlier", "earlier_differs"], changed)
