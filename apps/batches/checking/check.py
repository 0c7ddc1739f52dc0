"""Check the rows of a batch: errors, warnings, and rows that were already sent. Nothing is sent.

Every row is validated and compared as an entry of the form is, and compared with the other rows. There is no
event, because what is stored can be computed again from rows and submissions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from apps.core import personal_data
from apps.core.bulk_writing import update_rows

_TRIES: Final = 3
"""How often a check is computed without a lock before it locks the batch, if rows change meanwhile."""


def check_batch(batch: Batch, *, client: CdpClient) -> None:
    """Check every row that has no submission, with a new reading of the order.

    Stores the states, and when and with which consumers on the order they were found; no time if that could
    not be read. Nothing is done before the columns were matched, and after a stop. Raises
    ``MissingKeyError``.
    """
    known = read_known_order(batch.order_ref, client)
    refs = None if known.refs is None else list(known.refs)
    is_compared = refs is not None or not settings.CDP_RECONCILIATION
    stored = {"checked_at": known.read_at if is_compared else None, "refs_at_check": refs}
    _check(batch, known, stored=stored)


def recheck(batch: Batch) -> None:
    """Check every row again without a call, because warnings depend on the other rows.

    If the portal does not know the order's consumers any more, the rows are checked with a new reading before
    they are confirmed: corrected ones were not compared with the consumers that only Sitecore CDP has.
    """
    known = find_known_order(batch.order_ref)
    is_compared = known.listed.has_ended or not settings.CDP_RECONCILIATION
    _check(batch, known, stored=None if is_compared else {"checked_at": None})


def check_rows(batch: Batch, rows: Iterable[BatchRow]) -> None:
    """Check these rows again without a call. They are compared with all rows of the batch."""
    _check(batch, find_known_order(batch.order_ref), only={row.pk for row in rows})


def set_attention(row: BatchRow, warnings: tuple[EntryWarning, ...]) -> None:
    """Store the warnings that stopped the send of a row: it needs attention until they are confirmed."""
    text = Findings(warnings=form_warnings(warnings)).to_json()
    row.state = OwnState.NEEDS_ATTENTION
    row.encrypted_findings = personal_data.encrypted(row, "encrypted_findings", text)
    unchanged = BatchRow.objects.filter(pk=row.pk, version=row.version)
    unchanged.update(state=row.state, encrypted_findings=row.encrypted_findings)


def _check(
    batch: Batch,
    known: KnownOrder,
    *,
    only: set[int] | None = None,
    stored: dict[str, Any] | None = None,
) -> None:
    """Compute outside a transaction, so that nobody waits, and store it if no row has changed meanwhile.

    ``batch`` may have been read before its columns were changed: the rows are compared as they are now.
    """
    for tries_left in reversed(range(_TRIES)):
        rows = list(selectors.rows_of(batch).defer("encrypted_cells"))
        # Read after the rows, whose versions show it if the columns were changed after either was read.
        current = Batch.objects.filter(pk=batch.pk).first()
        if current is None:
            return
        found = evaluate(current, rows, known)
        with transaction.atomic():
            locked = _locked(batch)
            if locked is None:
                return
            unsent = _unsent(batch)
            seen = {row.pk: (row.version, row.current) for row in rows}
            if any(seen.get(pk) != one for pk, one in unsent.items()):
                if tries_left:
                    continue
                rows = list(selectors.rows_of(batch).defer("encrypted_cells"))
                found = evaluate(locked, rows, known)
            # Rows that are being sent meanwhile keep their findings; the others were compared with them.
            stored_pks = found.keys() & unsent.keys() & (found.keys() if only is None else only)
            _store([row for row in rows if row.pk in stored_pks], found)
            if stored:
                Batch.objects.filter(pk=batch.pk).update(**stored)
            break
    for name, value in (stored or {}).items():
        setattr(batch, name, value)


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
