"""What a check finds in every row of a batch, from the rows, submissions and what is known of the order."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from apps.batches.checking.accepting import blocking_submission, with_submission_keys
from apps.batches.checking.earlier import sent_before, submission_ids_by_row, submissions_with_content
from apps.batches.checking.entries import validated
from apps.batches.checking.exchanged_dates import exchanged_date_warnings, suspicious_dates
from apps.batches.checking.findings import Findings, RowWarning, findings_of
from apps.batches.checking.known_order import KnownOrder
from apps.batches.checking.row_warnings import (
    earlier_list_warning,
    form_warnings,
    limited_to,
    similar_row_warnings,
)
from apps.batches.checking.similar_rows import similar_rows
from apps.batches.models import Batch, BatchRow, OwnState
from apps.cdp.consumers import NewConsumer
from apps.consumers import selectors
from apps.consumers.models import Submission
from apps.consumers.sending.order_comparison import compare_many
from apps.consumers.sending.warnings import (
    CANCELLED,
    NAMED,
    SIMILAR,
    EntryWarning,
    consumer_of_key,
    find_warnings,
    order_warnings,
)


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """What was found in a row. ``accepted``: what was confirmed, in the order of the row and with the keys
    that its warnings have now. ``earlier``: the submission because of which it is not sent, or was released.
    ``earlier_differs``: whether that one has other content.
    """

    state: OwnState
    findings: Findings
    accepted: tuple[str, ...]
    earlier: uuid.UUID | None = None
    earlier_differs: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class _Valid:
    """A row that the form accepts. ``same``: the submissions that have its content.

    ``already_sent``: that one of them because of which the row is not sent.
    """

    row: BatchRow
    consumer: NewConsumer
    accepted: frozenset[str]
    same: tuple[Submission, ...]
    already_sent: Submission | None


def is_to_check(row: Any) -> bool:
    """Whether a row of ``rows_of`` has no submission, and nobody has left it out."""
    return row.current in OwnState.values and row.current != OwnState.LEFT_OUT


def evaluate(batch: Batch, rows: Sequence[Any], known: KnownOrder) -> dict[int, Evaluation]:
    """What is found in each row that is to be checked and can be decrypted, by primary key.

    ``rows``: all of ``rows_of``. Reads submissions and identity rules a fixed number of times.
    """
    providers = selectors.providers()
    of_order = _of_the_order(batch, rows, known)
    found, entries = _validate(batch, rows, of_order, providers)
    valid = _with_same_content(batch, entries)
    before = _sent_before(batch, valid)
    sendable: list[_Valid] = []
    for one in valid:
        already_sent = _already_sent(one, before.get(one.row.number))
        if already_sent is None:
            sendable.append(one)
        else:
            found[one.row.pk] = already_sent
    similar = similar_rows([(one.row.number, one.consumer) for one in valid if one.already_sent is None])
    dates = suspicious_dates(batch)
    for one, warnings in zip(sendable, _entry_warnings(batch, sendable, known, providers), strict=True):
        number = one.row.number
        others = _kept(one.row, known)
        if known.order is None:  # otherwise the form's warnings have it
            others = [*of_order, *others]
        others += similar_row_warnings(similar.get(number, ()))
        others += exchanged_date_warnings(dates.get(number, ""), one.consumer)
        if number in before:
            others.append(earlier_list_warning(before[number]))
        found[one.row.pk] = _evaluation(one, warnings, others)
    return found


def _validate(
    batch: Batch, rows: Sequence[Any], of_order: Sequence[RowWarning], providers: tuple[str, ...]
) -> tuple[dict[int, Evaluation], list[tuple[BatchRow, NewConsumer]]]:
    """The evaluations of the rows with errors, by primary key, and the other rows with their consumers."""
    found: dict[int, Evaluation] = {}
    entries: list[tuple[BatchRow, NewConsumer]] = []
    for row in filter(is_to_check, rows):
        read = validated(batch, row, providers=providers)
        if read.is_unreadable:
            continue  # it stays as it is: a process with the key checks it
        if read.entry is None:
            findings = Findings(read.errors, tuple(of_order))
            found[row.pk] = _not_sendable(row, OwnState.NEEDS_ATTENTION, findings, row.earlier)
        else:
            entries.append((row, read.entry.to_new_consumer()))
    return found, entries


def _already_sent(one: _Valid, former: Submission | None) -> Evaluation | None:
    """The evaluation of a row that an earlier submission keeps from being sent; None if nothing does.

    ``former``: the submission of the row with the same number in an earlier batch. While it is open, it
    blocks the row, whatever its content.
    """
    blocking = one.already_sent
    if blocking is None and former is not None and former.is_open:
        blocking = former
    if blocking is None:
        return None
    found = _not_sendable(one.row, OwnState.ALREADY_SENT, Findings(), blocking.public_id)
    return replace(found, earlier_differs=one.already_sent is None)


def _entry_warnings(
    batch: Batch, sendable: Sequence[_Valid], known: KnownOrder, providers: tuple[str, ...]
) -> Iterator[tuple[EntryWarning, ...]]:
    """For each of these rows, the warnings that the form has about its consumer."""
    compared = compare_many(batch.order_ref, [one.consumer for one in sendable], known.listed)
    for one, comparison in zip(sendable, compared, strict=True):
        yield find_warnings(
            batch.order_ref, one.consumer, compared=comparison, order=known.order, providers=providers
        )


def _not_sendable(
    row: BatchRow, state: OwnState, findings: Findings, earlier: uuid.UUID | None
) -> Evaluation:
    """The evaluation of a row with errors, or of one that was already sent. What was confirmed stays."""
    return Evaluation(state, findings, tuple(row.accepted), earlier)


def _with_same_content(batch: Batch, entries: Sequence[tuple[BatchRow, NewConsumer]]) -> list[_Valid]:
    submissions = submission_ids_by_row(batch)
    found = submissions_with_content(batch.order_ref, [consumer for _row, consumer in entries])
    return [
        _Valid(
            row,
            consumer,
            with_submission_keys(row.accepted, submissions),
            same,
            blocking_submission(batch, row, same),
        )
        for (row, consumer), same in zip(entries, found, strict=True)
    ]


def _sent_before(batch: Batch, valid: Collection[_Valid]) -> dict[int, Submission]:
    """The submission of the row with the same number in the batch that this one replaces.

    Not if a row of this batch has its content: then the rows were moved.
    """
    if batch.replaces_id is None:
        return {}
    of_content = {submission.pk for one in valid for submission in one.same}
    found = sent_before(batch, [one.row.number for one in valid])
    return {number: one for number, one in found.items() if one.pk not in of_content}


def _kept(row: BatchRow, known: KnownOrder) -> list[RowWarning]:
    """The warnings about consumers that only the vendor has, and that were not compared this time.

    A row that was corrected since has none to keep.
    """
    kept = []
    for warning in _former_warnings(row):
        if warning.code == SIMILAR and not warning.submission:
            keys = [key for key in warning.keys if known.may_still_have(consumer_of_key(key))]
            kept.append(limited_to(warning, keys))
    return [warning for warning in kept if warning is not None]


def _of_the_order(batch: Batch, rows: Iterable[Any], known: KnownOrder) -> list[RowWarning]:
    """The warning about the order, from its last reading if it was not read this time.

    It is the same for every row. One with errors has it, too, so that it is there when they are corrected.
    """
    if known.order is not None:
        return [*form_warnings(order_warnings(batch.order_ref, known.order))]
    for row in filter(is_to_check, rows):
        if warnings := about_the_order(row):
            return [warnings[0]]
    return []


def about_the_order(row: BatchRow) -> tuple[RowWarning, ...]:
    """The warning about the order that the row had until now, which its correction leaves."""
    return tuple(warning for warning in _former_warnings(row) if warning.code == CANCELLED)


def _former_warnings(row: BatchRow) -> tuple[RowWarning, ...]:
    """The warnings that the row had until now."""
    return findings_of(row).warnings


def _by_decision(
    one: _Valid, warnings: Iterable[EntryWarning]
) -> tuple[list[EntryWarning], list[EntryWarning], list[EntryWarning]]:
    """Those that nobody has confirmed, those about submissions that a release names, and the others."""
    asked, released, confirmed = [], [], []
    for warning in warnings:
        if warning.is_confirmed(one.accepted):
            confirmed.append(warning)
        elif warning.submission is not None and str(warning.submission.public_id) in one.row.released:
            released.append(warning)
        else:
            asked.append(warning)
    return asked, released, confirmed


def _evaluation(one: _Valid, warnings: tuple[EntryWarning, ...], others: Sequence[RowWarning]) -> Evaluation:
    """The evaluation of a row with these warnings of the form, and others that only rows have."""
    asked, released, confirmed = _by_decision(one, warnings)
    # What is asked comes first. Of the confirmed similar consumers some are enough: what confirms them is
    # stored already, or is translated from the keys of rows before each send.
    similar = [warning for warning in confirmed if warning.code == SIMILAR]
    others_confirmed = [warning for warning in confirmed if warning.code != SIMILAR]
    shown = [*similar[:NAMED], *others_confirmed, *released[:NAMED]]
    findings = Findings(warnings=(*form_warnings([*asked, *shown]), *others))
    keys = {warning.key for warning in chain(shown, released)}
    accepted = tuple(dict.fromkeys(chain(one.row.accepted, sorted(keys))))
    lacks_reason = any(each.needs_reason for each in findings.warnings) and not one.row.similar_reason
    is_open_question = lacks_reason or findings.unconfirmed(frozenset(accepted))
    return Evaluation(
        OwnState.NEEDS_ATTENTION if is_open_question else OwnState.READY,
        findings,
        accepted,
        uuid.UUID(one.row.released[0]) if one.row.released else None,
    )
