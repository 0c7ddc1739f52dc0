"""Whether the audit log is what was written: rows against their chain, the chain against signed checkpoints.

The portal may write meanwhile: the head and the end of the file are taken before the rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from apps.audit.audit_events import AUDIT_CHECKPOINT_SIGNED, AUDIT_FOUND_ALTERED, AUDIT_VERIFIED
from apps.audit.events import Event
from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import HASH, SEQ, Rows, StoredRow, Texts, follow, own_sequence
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.integrity.diagnosis import Finding, Verdict, diagnose
from apps.audit.integrity.stored_rows import StoredRows, batches_ahead, read_head, rows_after
from apps.audit.recording import record
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

logger = logging.getLogger("apps.audit")

GOOD: Final = frozenset({Verdict.UNCHANGED, Verdict.UNSIGNED})
"""Verdicts under which the rows are what was written, as far as anybody can tell."""
_MOST: Final = 2**53 - 1
"""The largest number that an event can hold; an inserted row may have a larger one."""
QUICK_FROM: Final = 5_000
"""Rows from which on another thread reads ahead, and a batch is looked at as a whole before its rows are."""


class Progress(NamedTuple):
    """How far a verification is, in rows."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 100


@dataclass(frozen=True, slots=True)
class Result:
    """What a verification found.

    ``seq`` is what the verdict is about. ``checkpoint`` is the last checkpoint that holds, by its sequence;
    for a rewritten log the one that says otherwise. ``first`` to ``last`` is the range that was looked at and
    ``last_hash`` its end; ``whole`` says that nothing before it was left out.
    """

    verdict: Verdict
    seq: int | None
    checkpoint: int | None
    first: int
    last: int
    last_hash: str
    whole: bool


def verify(
    *,
    from_checkpoint: bool = False,
    beginning: Beginning | None = None,
    report: Callable[[Progress], object] = lambda progress: None,
) -> Result:
    """Look at the whole log, or at what came after the last checkpoint. Raises the database's errors.

    ``beginning``: where the whole log begins; None for what the last checkpoint says.
    """
    steps = _Verification(from_checkpoint=from_checkpoint, beginning=beginning).run()
    while True:
        try:
            report(next(steps))
        except StopIteration as end:
            result: Result = end.value
            return result


def verification(*, from_checkpoint: bool = False) -> Generator[Progress, None, Result]:
    """The same step by step, for a page that shows how far it is."""
    return (yield from _Verification(from_checkpoint=from_checkpoint, beginning=None).run())


def record_result(actor: Actor, result: Result) -> int:
    """Record that the log was verified, by whom, with which verdict. Raises the database's errors."""
    good = result.verdict in GOOD
    if not good:
        logger.error("audit_log_altered", extra={"verdict": result.verdict.value, "about": result.seq})
    data = {
        "verdict": result.verdict.value,
        "about": None if result.seq is None else max(-_MOST, min(result.seq, _MOST)),
        "checkpoint": result.checkpoint,
        "first": result.first,
        "last": result.last,
        "scope": "whole" if result.whole else "rest",
    }
    event_type = AUDIT_VERIFIED if good else AUDIT_FOUND_ALTERED
    with transaction.atomic():
        return record(Event(event_type, actor, data=data))


def _claim(data: str, file_id: str) -> int | None:
    """The checkpoint that an event says was written into this file: None for another file, 0 for nonsense."""
    try:
        claim: dict[str, Any] = json.loads(data)
        file, last = claim["file"], claim["last"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    if file != file_id:
        return None
    return last if type(last) is int and last > 0 else 0


class _Verification:
    """One run over the log."""

    def __init__(self, *, from_checkpoint: bool, beginning: Beginning | None) -> None:
        self.head = read_head()
        self.path = settings.AUDIT_CHECKPOINT_FILE
        self.end = checkpoints.size_of(self.path)
        self.keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
        self.stored = StoredRows()
        self.doubt: Finding | None = None  # about the file of checkpoints: told when the rows are good
        self.held: Checkpoint | None = None  # the last one that holds
        self.seen: set[int] = set()  # sequences of checkpoints whose event has not come yet
        self.held_back: list[str] = []  # the hash of the last good row
        self.file_id = checkpoints.file_id(self.path)

        last = checkpoints.last_valid(self.path, self.keys, end=self.end)
        self.first, self.link = beginning or (last[1].beginning if last else Beginning())
        self.expected, begin = self.first, 0
        self.start: int | None = None  # rows behind it; None: all
        if from_checkpoint and last is not None and self._stands(last[1]):
            begin, (self.expected, self.link) = last[0], (last[1].seq + 1, last[1].hash)
            self.start = last[1].seq
        self.begun_at = self.expected
        self.whole = self.start is None
        self.signed = self._signed(begin)
        self.next_signed = next(self.signed, None)
        if not self.whole:
            self._hold_against(self.begun_at, [])

    def run(self) -> Generator[Progress, None, Result]:
        end = self.head[0] if self.head else self.stored.last_sequence()
        total = max(0, end - self.expected + 1)
        if total >= QUICK_FROM and not connection.in_atomic_block:  # another thread sees what is committed
            release_database_connections()  # that thread takes one of its own
            with closing(batches_ahead(self.start, self.expected, end)) as batches:
                for last, batch in batches:
                    hashes = batch.follow(self.expected, last, self.link) if batch else None
                    if batch is None or hashes is None:
                        break  # and row by row from here on
                    if finding := self._hold_back_one(hashes):
                        return self._result(finding)
                    self._go_on(last, hashes[-1], batch)
                    yield Progress(self.expected - self.begun_at, total)
        for rows in rows_after(self.start):
            good = follow(rows, self.expected, self.link)
            if finding := self._hold_back_one([row[HASH] for row in rows[:good]]):
                return self._result(finding)
            if good < len(rows):
                if good:
                    self.expected, self.link = rows[good - 1][SEQ] + 1, rows[good - 1][HASH]
                return self._result(self._diagnose(rows[good]))
            self._go_on(rows[-1][SEQ], rows[-1][HASH], Rows(rows))
            yield Progress(self.expected - self.begun_at, total)
        if self.held_back and (finding := self._hold_against(self.expected - 1, self.held_back)):
            return self._result(finding)
        return self._result(self._end())

    def _hold_back_one(self, hashes: Sequence[str]) -> Finding | None:
        """Compare the hashes of the next good rows with the checkpoints, but not the last one yet.

        Only the row behind it tells whether a row with another hash was changed alone or all behind it, too.
        """
        known = [*self.held_back, *hashes]
        begin = self.expected - len(self.held_back)
        self.held_back = known[-1:]
        return self._hold_against(begin, known[:-1])

    def _go_on(self, last: int, link: str, batch: Rows | Texts) -> None:
        """Behind a batch that is good as a whole."""
        self.start, self.expected, self.link = last, last + 1, link
        self._compare_claims(batch)

    def _end(self) -> Finding:
        last = self.expected - 1
        if self.next_signed is not None or (self.head is not None and self.head[0] > last):
            return Finding(Verdict.TAIL_CUT, self.expected)
        if finding := self._against_head(last):
            return finding
        if self.doubt:
            return self.doubt
        unsigned = self.held is None and last >= self.first
        return Finding(Verdict.UNSIGNED if unsigned else Verdict.UNCHANGED, last)

    def _against_head(self, last: int) -> Finding | None:
        if self.head is not None and self.head[0] >= self.begun_at:
            row = self.stored.at(self.head[0])
            if row is None or row[HASH] != self.head[1]:
                return Finding(Verdict.HEAD_DIFFERS, self.head[0])
        now = read_head()  # a writer moves it together with its row
        if now is not None and now[0] < last:
            row = self.stored.at(now[0])
            agrees = row is not None and row[HASH] == now[1]
            return Finding(Verdict.INSERTED, now[0] + 1) if agrees else Finding(Verdict.HEAD_DIFFERS, now[0])
        return None

    def _diagnose(self, row: StoredRow) -> Finding:
        """What is wrong with the row that does not continue the chain."""
        expected, link = self.expected, self.link
        signed = self.held
        vouched = signed is not None and (signed.seq, signed.hash) == (expected - 1, link)
        if self.next_signed is not None and self.next_signed.seq == expected - 1:
            vouched = self.next_signed.hash == link
        head = read_head()
        finding = diagnose(
            row,
            expected,
            link,
            self.stored,
            first=self.first,
            head_hash=head[1] if head is not None and head[0] == expected else "",
            vouched=vouched,
        )
        beyond = head is not None and head[0] < finding.seq and head == (expected - 1, link)
        return Finding(Verdict.INSERTED, finding.seq) if beyond else finding

    def _hold_against(self, first: int, hashes: Sequence[str]) -> Finding | None:
        """Compare the hashes of good rows, from ``first`` on, with the checkpoints that vouch for them."""
        last = first + len(hashes) - 1
        while (signed := self.next_signed) is not None and signed.seq <= last:
            if signed.seq >= self.begun_at and hashes:
                place = signed.seq - first
                if place < 0 or hashes[place] != signed.hash:
                    return Finding(Verdict.REWRITTEN, signed.seq)
            self.held = signed
            self.seen.add(signed.seq)
            self.next_signed = next(self.signed, None)
        return None

    def _compare_claims(self, batch: Rows | Texts) -> None:
        """Each event of a signature must have its line in the file, if it was this file's."""
        if self.doubt or self.head is None or self.file_id is None:
            return
        for seq, data in batch.data_of(AUDIT_CHECKPOINT_SIGNED.name):
            if seq > self.head[0]:
                return
            claimed = _claim(data, self.file_id)
            if claimed is None or (0 < claimed < self.begun_at):
                continue
            if claimed not in self.seen:
                self.doubt = Finding(Verdict.CHECKPOINTS_DAMAGED, claimed or seq)
                return
            self.seen = {seq for seq in self.seen if seq > claimed}

    def _signed(self, begin: int) -> Iterator[Checkpoint]:
        """The checkpoints that count, in order; what is wrong with the others is remembered."""
        before: Checkpoint | None = None
        covered = begin == 0 and checkpoints.covered_by_the_last(self.path, self.keys, end=self.end)
        for place, checkpoint in checkpoints.read(self.path, begin=begin, end=self.end):
            if covered:
                if checkpoint.seq >= self.first:
                    yield checkpoint
                continue
            if (key := self.keys.get(checkpoint.key)) is None:
                self.doubt = self.doubt or Finding(Verdict.KEY_UNKNOWN, checkpoint.seq)
                continue
            damaged = Finding(Verdict.CHECKPOINTS_DAMAGED, checkpoint.seq)
            if not checkpoint.holds_under(key):
                self.doubt = self.doubt or damaged
                continue
            if place > begin or begin == 0:
                rises = before is None or checkpoint.seq > before.seq
                self.doubt = self.doubt or (None if checkpoint.follows(before) else damaged)
                if not rises:
                    continue
            before = checkpoint
            if checkpoint.seq >= self.first:
                yield checkpoint

    def _stands(self, checkpoint: Checkpoint) -> bool:
        """Whether the row of a checkpoint is the one that it vouches for; if not, the whole log is read."""
        row = self.stored.at(checkpoint.seq)
        own = range(checkpoint.seq, checkpoint.seq + 1)
        return row is not None and row[HASH] == checkpoint.hash and own_sequence(row, own) == checkpoint.seq

    def _result(self, finding: Finding) -> Result:
        verdict = finding.verdict
        about = None if verdict in GOOD else finding.seq
        held = self.held.seq if self.held else None
        if verdict is Verdict.REWRITTEN:
            held = finding.seq
        last = self.expected - 1
        return Result(verdict, about, held, self.begun_at, last, self.link, self.whole)
