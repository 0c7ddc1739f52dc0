"""Compare a row again with the consumers and rows that its warnings are about, to show them beside it."""

from __future__ import annotations

from collections.abc import Mapping

from apps.batches import selectors
from apps.batches.checking.entries import validated
from apps.batches.checking.findings import RowWarning
from apps.batches.checking.known_order import find_known_order
from apps.batches.checking.row_warnings import SIMILAR_ROW
from apps.batches.models import Batch, BatchRow
from apps.cdp.consumers import NewConsumer
from apps.consumers.duplicates.compare import compare
from apps.consumers.duplicates.facts import Facts
from apps.consumers.sending.order_comparison import EntryOnOrder, Similar
from apps.consumers.sending.warnings import SIMILAR, EntryWarning, find_warnings


def compared_again(
    batch: Batch, row: BatchRow, warnings: tuple[RowWarning, ...]
) -> tuple[Mapping[str, EntryWarning], Mapping[str, Similar]]:
    """What these warnings of a row are about, by their keys: consumers on the order, and rows of the batch.

    Makes no call. A warning is missing if its consumer is not known any more, the row has errors, or it
    counts several consumers.
    """
    codes = {warning.code for warning in warnings}
    if codes.isdisjoint({SIMILAR, SIMILAR_ROW}):
        return {}, {}
    consumer = _consumer(batch, row)
    if consumer is None:
        return {}, {}
    counted = {warning.key for warning in warnings if warning.also}
    on_order = _on_order(batch, consumer) if SIMILAR in codes else {}
    on_order = {key: warning for key, warning in on_order.items() if key not in counted}
    return on_order, _in_list(batch, consumer, warnings)


def _on_order(batch: Batch, consumer: NewConsumer) -> dict[str, EntryWarning]:
    known = find_known_order(batch.order_ref).listed
    compared = EntryOnOrder(batch.order_ref, consumer, known).compare()
    found = find_warnings(batch.order_ref, consumer, compared=compared)
    return {warning.key: warning for warning in found if warning.similar is not None}


def _in_list(batch: Batch, consumer: NewConsumer, warnings: tuple[RowWarning, ...]) -> dict[str, Similar]:
    of_row = {
        warning.row: warning.key
        for warning in warnings
        if warning.code == SIMILAR_ROW and warning.row is not None and not warning.also
    }
    found = {}
    for other in selectors.rows_of(batch).filter(number__in=of_row):
        person = _consumer(batch, other)
        if person is None:
            continue
        comparison = compare(Facts(consumer), Facts(person))
        if comparison.is_similar:
            found[of_row[other.number]] = Similar(consumer, person, comparison)
    return found


def _consumer(batch: Batch, row: BatchRow) -> NewConsumer | None:
    entry = validated(batch, row).entry
    return entry.to_new_consumer() if entry is not None else None
