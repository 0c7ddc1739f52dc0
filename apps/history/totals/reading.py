"""Which totals replace rows in the figures of a selection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from apps.consumers.models import Outcome
from apps.history.models import PeriodTotals
from apps.history.selection import Selection, SubmissionFilter
from apps.history.totals.counts import Group, groups_of
from apps.history.totals.keeping import unchanged
from apps.history.totals.periods import Days, Span, each_day, span_of

MAX_GAPS = 20
"""Each period without totals costs up to three statements, which count its rows. Beyond this number the
nearest are joined, with the totals between them."""
_EVER = (dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC))


@dataclass(frozen=True, slots=True)
class Parts:
    """A selection in parts that do not overlap and leave nothing out: totals, and selections of rows.

    ``texts``: of the totals, by the beginning of their period; by person if ``is_whole``, else by group.
    """

    texts: tuple[tuple[dt.datetime, str], ...]
    gaps: tuple[Selection, ...]
    is_whole: bool  # everything in the period is selected
    asked: SubmissionFilter
    people: frozenset[int]

    def groups(self) -> Iterator[tuple[dt.datetime, Group, int, int]]:
        """The selected groups of the totals, each with the beginning of its period, its number and times."""
        outcomes, reason = self.asked.outcomes, self.asked.reason
        for begins, text in self.texts:
            for group, number, times in groups_of(text):
                who, outcome, code = group
                if self.people and who not in self.people:
                    continue
                if (outcomes and outcome not in outcomes) or (reason and code != reason):
                    continue
                yield begins, group, number, times


def parts_of(selection: Selection, periods: Iterable[Days]) -> Parts:
    """The selection in parts. ``periods``: preferred, in order, without overlaps; else their days are used.

    Days are those of the active time zone. A part is within one of the periods, unless no period has it.
    """
    asked = selection.asked
    bounds = asked.since or _EVER[0], asked.until or _EVER[1]
    people = {int(asked.person)} if asked.person else set()
    if not selection.viewer.sees_all:
        own = int(selection.viewer.person_id)
        people = {own} if own in people or not people else {-1}  # nobody
    is_whole = not people and replace(asked, since=None, until=None) == SubmissionFilter()
    column = "by_person" if is_whole else "by_group"
    texts = _texts([*periods], bounds, column) if _can_be_served(asked) else {}
    gaps = _joined([*_gaps(texts, bounds)])
    texts = {span: text for span, text in texts.items() if not _is_in_one(span, gaps)}
    return Parts(
        texts=tuple((begins, text) for (begins, _ends), text in texts.items()),
        gaps=tuple(_within(selection, gap) for gap in gaps),
        is_whole=is_whole,
        asked=asked,
        people=frozenset(people),
    )


def _can_be_served(asked: SubmissionFilter) -> bool:
    """Whether the totals have what the filter asks for."""
    others = replace(asked, since=None, until=None, outcomes=(), person="", reason="")
    # A contradicted resolution is not created in the totals and unknown in the filter.
    is_as_stored = (Outcome.UNKNOWN in asked.outcomes) == (Outcome.NOT_CREATED in asked.outcomes)
    return is_as_stored and others == SubmissionFilter()


def _texts(periods: list[Days], bounds: Span, column: str) -> dict[Span, str]:
    """The totals to use, in order of time."""
    if not periods:
        return {}
    ends = span_of(periods[0][0], periods[-1][1])
    between = {"begins__gte": max(ends[0], bounds[0]), "ends__lte": min(ends[1], bounds[1])}
    # This statement decides what is true. A total is never changed, so its text may be read afterwards.
    found = PeriodTotals.objects.filter(unchanged(), **between)
    true = {(begins, ends): pk for begins, ends, pk in found.values_list("begins", "ends", "pk")}
    chosen = dict(_chosen(periods, true))
    texts = dict(PeriodTotals.objects.filter(pk__in=chosen.values()).values_list("pk", column))
    return {span: texts[pk] for span, pk in chosen.items() if pk in texts}


def _chosen(periods: Iterable[Days], true: Mapping[Span, int]) -> Iterator[tuple[Span, int]]:
    for period in periods:
        span = span_of(*period)
        if span in true:
            yield span, true[span]
            continue
        for day in each_day(*period) if period[0] < period[1] else ():
            if (span := span_of(*day)) in true:
                yield span, true[span]


def _gaps(texts: Iterable[Span], bounds: Span) -> Iterator[Span]:
    """The periods between the totals, within the bounds."""
    at = bounds[0]
    for begins, ends in texts:
        if at < begins:
            yield at, begins
        at = ends
    if at < bounds[1]:
        yield at, bounds[1]


def _joined(gaps: list[Span]) -> list[Span]:
    """At most :data:`MAX_GAPS` periods that contain these, which are in order."""
    between = sorted(range(1, len(gaps)), key=lambda at: gaps[at][0] - gaps[at - 1][1], reverse=True)
    starts = [0, *sorted(between[: MAX_GAPS - 1]), len(gaps)]
    return [(gaps[first][0], gaps[end - 1][1]) for first, end in pairwise(starts) if first < end]


def _is_in_one(span: Span, gaps: list[Span]) -> bool:
    return any(begins <= span[0] and span[1] <= ends for begins, ends in gaps)


def _within(selection: Selection, gap: Span) -> Selection:
    since, until = (None if moment in _EVER else moment for moment in gap)
    return replace(selection, asked=replace(selection.asked, since=since, until=until))
