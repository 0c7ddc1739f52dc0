"""The events that showed a person's data, or could have, newest first.

The candidates are every event that can have shown the subject (``apps.privacy.candidates``). Each is then
read to decide what it showed.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from apps.audit.models import AuditEvent
from apps.audit.selectors import sequence_filter
from apps.core import keyset
from apps.core.parts import in_parts
from apps.privacy.candidates import LAST, Candidates, Span
from apps.privacy.subjects import Subject
from apps.privacy.verdicts import AccessVerdict, ReportLine, VerdictReader, ends_of

COUNTED: Final = 1_000
"""Up to this number of candidates, the lines of a report are counted on its page."""
MOST_READ: Final = 2_000
"""Candidates that are read for a page at most. A page ends there, with as many lines as it has by then."""
NEWEST_BY: Final = ("seq",)
_READ_AT_ONCE: Final = 200  # events per query, and the least that a page reads
_MOST_COMPARED: Final = 10_000  # submissions of exports for a page, if each candidate is one


@dataclass(frozen=True, slots=True)
class ReportPage(keyset.Page[Any]):
    """A page of a report. ``is_cut``: it reads no more, and there may be lines between it and the next.

    ``is_newer``: it was read in the direction of newer events.
    """

    is_cut: bool = False
    is_newer: bool = False


@dataclass(frozen=True)
class Counts:
    """The number of lines by verdict."""

    showed: int = 0
    possible: int = 0
    searched: int = 0

    @property
    def all(self) -> int:
        """The number of lines."""
        return self.showed + self.possible + self.searched


def beginning() -> AuditEvent | None:
    """The first event that the log still has, after its retention period. None in an empty log."""
    return AuditEvent.objects.order_by("seq").first()


def span_of(since: dt.datetime | None, until: dt.datetime | None) -> Span | None:
    """The events from ``since`` to before ``until``; None if there is none."""
    condition = sequence_filter(since, until)
    if condition is None:
        return None
    bounds: dict[str, int] = dict(condition.children)  # type: ignore[arg-type]  # lookups and numbers
    return Span(bounds.get("seq__gte", 1), bounds.get("seq__lte", LAST))


def counts_of(verdicts: Iterable[AccessVerdict]) -> Counts:
    """How many lines have each verdict."""
    found = Counter(verdicts)
    return Counts(found[AccessVerdict.SHOWED], found[AccessVerdict.POSSIBLE], found[AccessVerdict.SEARCHED])


@dataclass(frozen=True)
class Report:
    """Who has seen the data of a subject in a span of the log."""

    subject: Subject
    span: Span = field(default_factory=Span)

    @cached_property
    def candidates(self) -> Candidates:
        """Finds the events that can have shown the subject."""
        return Candidates(self.subject, self.span)

    @cached_property
    def _newest(self) -> list[int]:
        """The newest candidates, descending: enough for the first page, and all if these can be counted."""
        return self.candidates.newest(max(COUNTED, self.most_read) + 1)

    @property
    def _are_counted(self) -> bool:
        return len(self._newest) <= COUNTED

    def lines(self, sequences: Sequence[int] | None = None) -> Iterator[ReportLine]:
        """The lines of these candidates, in their order. None: of all, in the order of the log."""
        wanted = self.candidates.all() if sequences is None else sequences
        is_kept = self._are_counted  # the page has lines, and all are counted
        for part in in_parts(wanted, _READ_AT_ONCE):
            known = {seq: self._kept[seq] for seq in part if seq in self._kept}
            events = AuditEvent.objects.in_bulk([seq for seq in part if seq not in known])
            ends = ends_of(events.values())
            for seq in part:
                event = events.get(seq)  # its retention period may be over
                found = self._verdict_reader.line_for(event, ends) if event else None
                line = known.get(seq, found)
                if is_kept:
                    self._kept[seq] = line
                if line is not None:
                    yield line

    def page(self, *, size: int, position: keyset.Position | None) -> ReportPage:
        """A page of lines, newest first. The positions are the events' sequence numbers.

        Whether a candidate is a line is known only when it was read, and each page reads a limited number.
        So a page may have fewer lines, or none, and lead to others.
        """
        if position is not None and position.newer:
            read, is_last = self._part(position.key[0], newer=True)
            some = self._some(read, size + 1)
            if len(some) <= size and is_last:
                return self.page(size=size, position=None)  # the beginning, as a full page
            is_cut = len(some) <= size
            last = read[-1] if is_cut else some[size - 1].event.seq
            return ReportPage(
                some[:size][::-1],
                newer=_position(last, newer=True),
                older=_position(min(position.key[0] + 1, LAST)),
                is_cut=is_cut,
                is_newer=True,
            )
        read, is_last = self._part(None if position is None else position.key[0], newer=False)
        some = self._some(read, size + 1)
        is_cut = len(some) <= size and not is_last
        older = newer = None
        if len(some) > size:
            older = _position(some[size - 1].event.seq)
        elif is_cut:
            older = _position(read[-1])
        if position is not None and self._has_any_before(position.key[0]):
            newer = _position(position.key[0] - 1, newer=True)
        return ReportPage(some[:size], newer, older, is_cut=is_cut)

    @cached_property
    def most_read(self) -> int:
        """The number of candidates that are read for a page at most: fewer for many submissions."""
        number = max(len(self.subject.submissions), 1)
        return max(min(MOST_READ, _MOST_COMPARED // number), _READ_AT_ONCE)

    def counts(self) -> Counts | None:
        """The number of lines; None if there are more than :data:`COUNTED` candidates."""
        if not self._are_counted:
            return None
        return counts_of(line.verdict for line in self.lines(self._newest))

    def _some(self, sequences: Sequence[int], number: int) -> list[ReportLine]:
        found: list[ReportLine] = []
        for line in self.lines(sequences):
            found.append(line)
            if len(found) == number:
                break
        return found

    def _part(self, key: int | None, *, newer: bool) -> tuple[list[int], bool]:
        """The candidates that a page reads from this number on, and whether there are no more.

        Those above the number, ascending, if ``newer``; else those below, descending. None: the newest.
        """
        number = self.most_read
        if self._are_counted:
            below = [seq for seq in self._newest if key is None or seq < key]
            found = [seq for seq in self._newest[::-1] if key is not None and seq > key] if newer else below
        elif newer:
            found = self.candidates.oldest(number + 1, after=key or 0)
        elif key is None:
            found = self._newest
        else:
            found = self.candidates.newest(number + 1, before=key)
        return found[:number], len(found) <= number

    def _has_any_before(self, key: int) -> bool:
        """Whether a candidate is older than this number: otherwise the page is behind all of them."""
        known = self._newest
        return any(seq < key for seq in known) or (
            not self._are_counted and bool(self.candidates.newest(1, before=key))
        )

    @cached_property
    def _verdict_reader(self) -> VerdictReader:
        return VerdictReader(self.subject)

    @cached_property
    def _kept(self) -> dict[int, ReportLine | None]:
        return {}


def _position(seq: int, *, newer: bool = False) -> keyset.Position:
    return keyset.Position((seq,), newer=newer)
