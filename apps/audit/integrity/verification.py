"""Verify the audit log: the rows against the hash chain and their MACs, the chain against signed checkpoints.

The portal may write at the same time: the head and the end of the checkpoint file are read before the rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from apps.audit.audit_events import AUDIT_CHECKPOINT_SIGNED, AUDIT_FOUND_ALTERED, AUDIT_VERIFIED
from apps.audit.events import Event
from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import (
    COLUMNS_AND_MAC,
    HASH,
    MAC_KEY,
    PREVIOUS,
    SEQ,
    Rows,
    StoredRow,
    Texts,
    follow,
    own_sequence,
)
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.integrity.diagnosis import Finding, Verdict, diagnose
from apps.audit.integrity.own_checkpoints import own_keys
from apps.audit.integrity.stored_rows import StoredRows, batches_ahead, read_head, rows_after
from apps.audit.integrity.valid_macs import ValidMacs, acknowledged_rows
from apps.audit.recording import record
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

logger = logging.getLogger("apps.audit")

GOOD: Final = frozenset({Verdict.UNCHANGED, Verdict.UNSIGNED})
"""Verdicts without evidence that rows or checkpoints were altered."""
ROWS_INTACT: Final = GOOD | {Verdict.CHECKPOINTS_DAMAGED, Verdict.KEY_UNKNOWN}
"""Verdicts without evidence that rows were altered: at most the file of checkpoints has a problem."""
_MAX_NUMBER: Final = 2**53 - 1
"""The largest number that an event can contain; an inserted row may have a larger sequence number."""
READ_AHEAD_FROM: Final = 5_000
"""Rows from which on another thread reads ahead and batches are verified as a whole first."""


class Progress(NamedTuple):
    """Progress of a verification, in rows."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 100


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a verification.

    ``seq``: the sequence number that the verdict refers to; for a missing end, the first one without an event
    now. ``checkpoint``: the sequence number of the last valid checkpoint; for a rewritten log, of the
    contradicting one. ``first`` to ``last``: the verified range, which ends with ``last_hash``. ``whole``:
    whether it starts with the beginning of the log. ``acknowledged``: the sequence numbers of the rows that
    were written past the portal and acknowledged, in the whole log.
    """

    verdict: Verdict
    seq: int | None
    checkpoint: int | None
    first: int
    last: int
    last_hash: str
    whole: bool
    acknowledged: tuple[int, ...] = ()

    @property
    def problem(self) -> tuple[Verdict, int]:
        """What identifies a problem, however often it is found: the verdict and a sequence number.

        A log whose end is missing may continue, so where it ends now identifies nothing. The last checkpoint
        that still has its event does (0: none has).
        """
        number = self.checkpoint if self.verdict is Verdict.TAIL_CUT else self.seq
        return self.verdict, number or 0


def verify(
    *,
    from_checkpoint: bool = False,
    beginning: Beginning | None = None,
    elsewhere: Checkpoint | None = None,
    acknowledging: Collection[int] = (),
    report: Callable[[Progress], object] = lambda progress: None,
) -> Result:
    """Verify the whole log, or only the events after the last checkpoint. Raises the database's errors.

    ``beginning``: the beginning of the whole log; None for the one in the last checkpoint. ``elsewhere``: a
    valid checkpoint of another file; the rows that it covers may have MACs of former keys. ``acknowledging``:
    rows that are about to be acknowledged. ``report`` is called with the progress after each batch.
    """
    steps = _Verification(
        from_checkpoint=from_checkpoint,
        beginning=beginning,
        elsewhere=elsewhere,
        acknowledging=acknowledging,
    ).run()
    while True:
        try:
            report(next(steps))
        except StopIteration as end:
            result: Result = end.value
            return result


def verification() -> Generator[Progress, None, Result]:
    """Verify the whole log step by step, yielding the progress; returns the result."""
    return (yield from _Verification().run())


def record_result(actor: Actor, result: Result) -> int:
    """Record a verification and its verdict; returns the event's sequence number. Raises database errors."""
    good = result.verdict in GOOD
    if not good:
        logger.error("audit_log_altered", extra={"verdict": result.verdict.value, "about": result.seq})
    data = {
        "verdict": result.verdict.value,
        "about": None if result.seq is None else max(-_MAX_NUMBER, min(result.seq, _MAX_NUMBER)),
        "checkpoint": result.checkpoint,
        "first": result.first,
        "last": result.last,
        "scope": "whole" if result.whole else "rest",
    }
    if result.acknowledged:
        data["acknowledged"] = len(result.acknowledged)
    event_type = AUDIT_VERIFIED if good else AUDIT_FOUND_ALTERED
    with transaction.atomic():
        return record(Event(event_type, actor, data=data))


def _claimed_checkpoint(data: str, file_id: str) -> int | None:
    """The checkpoint that an event claims for this file. None for another file, 0 if the data is invalid."""
    try:
        claim: dict[str, Any] = json.loads(data)
        file, last = claim["file"], claim["last"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    if file != file_id:
        return None
    return last if type(last) is int and last > 0 else 0


class _Verification:
    """The state of one verification run."""

    def __init__(
        self,
        *,
        from_checkpoint: bool = False,
        beginning: Beginning | None = None,
        elsewhere: Checkpoint | None = None,
        acknowledging: Collection[int] = (),
    ) -> None:
        self.head = read_head()
        self.path = settings.AUDIT_CHECKPOINT_FILE
        self.end = checkpoints.size_of(self.path)
        self.keys = own_keys()
        self.stored = StoredRows()
        self.file_problem: Finding | None = None  # of the checkpoint file; reported if the rows are intact
        self.last_checkpoint: Checkpoint | None = None  # the last valid checkpoint
        self.seen: set[int] = set()  # sequence numbers of checkpoints whose event has not been read yet
        self.uncompared: list[str] = []  # the hash of the last intact row, not compared yet
        self.file_id = checkpoints.file_id(self.path)

        last = checkpoints.last_valid(self.path, self.keys, end=self.end)
        covered = [last[1].seq] if last else []  # compared with its row below, as all are
        if elsewhere is not None and self._has_row(elsewhere):
            covered.append(elsewhere.seq)
        self.acknowledged = acknowledged_rows()
        self.macs = ValidMacs(max(covered, default=0), self.acknowledged.union(acknowledging))
        self.first, self.link = beginning or (last[1].beginning if last else Beginning())
        self.expected, begin = self.first, 0
        self.start: int | None = None  # read the rows after this number; None: all
        if from_checkpoint and last is not None and self._has_row(last[1]):
            begin, (self.expected, self.link) = last[0], (last[1].seq + 1, last[1].hash)
            self.start = last[1].seq
        self.begun_at = self.expected
        self.whole = self.start is None
        self.signed = self._signed(begin)
        self.next_signed = next(self.signed, None)
        if not self.whole:
            self._compare_with_checkpoints(self.begun_at, [])

    def run(self) -> Generator[Progress, None, Result]:
        """Verify, yielding the progress; returns the result."""
        end = self.head[0] if self.head else self.stored.last_sequence()
        total = max(0, end - self.expected + 1)
        finding = None
        if total >= READ_AHEAD_FROM and not connection.in_atomic_block:  # the thread sees committed rows only
            finding = yield from self._run_in_batches(end, total)
        if finding is None:
            finding = yield from self._run_by_row(total)
        return self._result(finding)

    def _run_in_batches(self, end: int, total: int) -> Generator[Progress, None, Finding | None]:
        """Verify whole batches that another thread reads, up to the first that is not intact as a whole.

        Returns a contradiction with a checkpoint; otherwise None, and the rest has to be verified by row.
        """
        release_database_connections()  # the thread uses its own
        with closing(batches_ahead(self.start, self.expected, end)) as batches:
            for last, batch in batches:
                hashes = batch.follow(self.expected, last, self.link) if batch else None
                if (
                    batch is None
                    or hashes is None
                    or not self.macs.are_valid(self.expected, hashes, *batch.mac_values())
                ):
                    return None
                if finding := self._compare_all_but_last(hashes):
                    return finding
                self._advance(last, hashes[-1], batch)
                yield Progress(self.expected - self.begun_at, total)
        return None

    def _run_by_row(self, total: int) -> Generator[Progress, None, Finding]:
        """Verify the rows that are left, up to the first that is not intact."""
        for rows in rows_after(self.start, columns=COLUMNS_AND_MAC):
            good = follow(rows, self.expected, self.link)
            valid = self.macs.count_valid(rows[:good])
            # With the row of an invalid MAC: it continues the chain, so it confirms the one before it.
            if finding := self._compare_all_but_last([row[HASH] for row in rows[:good][: valid + 1]]):
                return finding
            if valid < len(rows):
                if valid:
                    self.expected, self.link = rows[valid - 1][SEQ] + 1, rows[valid - 1][HASH]
                diagnose = self._diagnose if valid == good else self._diagnose_mac
                return diagnose(rows[valid])
            self._advance(rows[-1][SEQ], rows[-1][HASH], Rows(rows))
            yield Progress(self.expected - self.begun_at, total)
        last_hashes = self.uncompared
        if last_hashes and (finding := self._compare_with_checkpoints(self.expected - 1, last_hashes)):
            return finding
        return self._end()

    def _compare_all_but_last(self, hashes: Sequence[str]) -> Finding | None:
        """Compare the hashes of the next intact rows with the checkpoints, except the last one.

        Only the next row shows whether a row with a different hash was changed alone or with all later rows.
        """
        known = [*self.uncompared, *hashes]
        begin = self.expected - len(self.uncompared)
        self.uncompared = known[-1:]
        return self._compare_with_checkpoints(begin, known[:-1])

    def _advance(self, last: int, link: str, batch: Rows | Texts) -> None:
        """Continue after a batch that is intact."""
        self.start, self.expected, self.link = last, last + 1, link
        self._compare_claims(batch)

    def _end(self) -> Finding:
        last = self.expected - 1
        if self.next_signed is not None:
            return Finding(Verdict.TAIL_CUT, self.expected)
        if self.head is not None and self.head[0] > last:
            # With the hash of the last row, only the number was set forward and no row is missing.
            moved = self.head[1] == self.link
            return Finding(Verdict.HEAD_DIFFERS if moved else Verdict.TAIL_CUT, self.expected)
        if finding := self._against_head(last):
            return finding
        if self.file_problem:
            return self.file_problem
        unsigned = self.last_checkpoint is None and last >= self.first
        return Finding(Verdict.UNSIGNED if unsigned else Verdict.UNCHANGED, last)

    def _against_head(self, last: int) -> Finding | None:
        if self.head is not None and self.head[0] >= self.begun_at:
            row = self.stored.at(self.head[0])
            if row is None or row[HASH] != self.head[1]:
                return Finding(Verdict.HEAD_DIFFERS, self.head[0])
        now = read_head()  # a writer updates it together with its row
        if now is not None and now[0] < last:
            row = self.stored.at(now[0])
            agrees = row is not None and row[HASH] == now[1]
            return Finding(Verdict.INSERTED, now[0] + 1) if agrees else Finding(Verdict.HEAD_DIFFERS, now[0])
        return None

    def _diagnose_mac(self, row: StoredRow) -> Finding:
        """How the log was altered at a row that continues the chain without a valid MAC.

        If the chain breaks directly after the row, it shows whether the row was inserted or changed.
        """
        seq, own_hash = row[SEQ], row[HASH]
        following = self.stored.first_after(seq)
        if following is not None and not follow([following], seq + 1, own_hash):
            self.expected, self.link = seq + 1, own_hash
            finding = self._diagnose(following)
            if finding.seq <= seq:
                return finding
            self.expected, self.link = seq, row[PREVIOUS]
        unknown = self.macs.is_unknown(row[MAC_KEY])
        return Finding(Verdict.MAC_KEY_UNKNOWN if unknown else Verdict.WRITTEN_PAST_PORTAL, seq)

    def _diagnose(self, row: StoredRow) -> Finding:
        """Why the row does not continue the chain."""
        expected, link = self.expected, self.link
        signed = self.last_checkpoint
        previous_is_signed = signed is not None and (signed.seq, signed.hash) == (expected - 1, link)
        if self.next_signed is not None and self.next_signed.seq == expected - 1:
            previous_is_signed = self.next_signed.hash == link
        head = read_head()
        finding = diagnose(
            row,
            expected,
            link,
            self.stored,
            first=self.first,
            head_hash=head[1] if head is not None and head[0] == expected else "",
            previous_is_signed=previous_is_signed,
        )
        beyond = head is not None and head[0] < finding.seq and head == (expected - 1, link)
        return Finding(Verdict.INSERTED, finding.seq) if beyond else finding

    def _compare_with_checkpoints(self, first: int, hashes: Sequence[str]) -> Finding | None:
        """Compare the hashes of intact rows, from number ``first`` on, with their checkpoints."""
        last = first + len(hashes) - 1
        while (signed := self.next_signed) is not None and signed.seq <= last:
            if signed.seq >= self.begun_at and hashes:
                index = signed.seq - first
                if index < 0 or hashes[index] != signed.hash:
                    return Finding(Verdict.REWRITTEN, signed.seq)
            self.last_checkpoint = signed
            self.seen.add(signed.seq)
            self.next_signed = next(self.signed, None)
        return None

    def _compare_claims(self, batch: Rows | Texts) -> None:
        """Check that each signing event for this machine's file has its line in the file.

        What an acknowledged event claims is ignored: the portal did not write it.
        """
        if self.file_problem or self.head is None or self.file_id is None:
            return
        for seq, data in batch.data_of(AUDIT_CHECKPOINT_SIGNED.name):
            if seq > self.head[0]:
                return
            if seq in self.macs.acknowledged:
                continue
            claimed = _claimed_checkpoint(data, self.file_id)
            if claimed is None or (0 < claimed < self.begun_at):
                continue
            if claimed not in self.seen:
                self.file_problem = Finding(Verdict.CHECKPOINTS_DAMAGED, claimed or seq)
                return
            self.seen = {seq for seq in self.seen if seq > claimed}

    def _signed(self, begin: int) -> Iterator[Checkpoint]:
        """The valid checkpoints in order. Stores the first problem of the others in ``file_problem``."""
        before: Checkpoint | None = None
        covered = begin == 0 and checkpoints.is_covered_by_last_signature(self.path, self.keys, end=self.end)
        for offset, checkpoint in checkpoints.read(self.path, begin=begin, end=self.end):
            if covered:
                if checkpoint.seq >= self.first:
                    yield checkpoint
                continue
            if (key := self.keys.get(checkpoint.key)) is None:
                self.file_problem = self.file_problem or Finding(Verdict.KEY_UNKNOWN, checkpoint.seq)
                continue
            damaged = Finding(Verdict.CHECKPOINTS_DAMAGED, checkpoint.seq)
            if not checkpoint.is_signed_by(key):
                self.file_problem = self.file_problem or damaged
                continue
            if offset > begin or begin == 0:
                rises = before is None or checkpoint.seq > before.seq
                self.file_problem = self.file_problem or (
                    None if checkpoint.is_successor_of(before) else damaged
                )
                if not rises:
                    continue
            before = checkpoint
            if checkpoint.seq >= self.first:
                yield checkpoint

    def _has_row(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint's row exists unchanged; if not, the whole log has to be verified."""
        row = self.stored.at(checkpoint.seq)
        own = range(checkpoint.seq, checkpoint.seq + 1)
        return row is not None and row[HASH] == checkpoint.hash and own_sequence(row, own) == checkpoint.seq

    def _result(self, finding: Finding) -> Result:
        verdict = finding.verdict
        about = None if verdict in GOOD else finding.seq
        last_checkpoint = self.last_checkpoint.seq if self.last_checkpoint else None
        if verdict is Verdict.REWRITTEN:
            last_checkpoint = finding.seq
        last = self.expected - 1
        named = tuple(sorted(seq for seq in self.acknowledged if seq >= self.first))
        return Result(verdict, about, last_checkpoint, self.begun_at, last, self.link, self.whole, named)
