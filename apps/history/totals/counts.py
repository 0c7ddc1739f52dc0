"""Counts of submissions by person, outcome and error code, and the texts in which totals store them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, QuerySet

from apps.consumers.models import Outcome, Submission
from apps.history.totals import steps

Group = tuple[int, str, str]
"""The id of the person, the outcome and the error code."""
Counts = Mapping[Group, tuple[int, int]]
"""For each group, the number of submissions, and the packed times to answer of those that have one."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Counts as JSON. ``by_person`` is enough without a filter, and a tenth as long as ``by_group``."""

    by_person: str
    by_group: str


def counted(rows: QuerySet[Submission]) -> Counts:
    """The counts of these rows, by one statement."""
    # "+ 0" keeps SQLite from reading the whole table by the index of people.
    grouped = rows.order_by().annotate(who=F("actor_id") + 0, step=steps.STEP)
    numbers = grouped.values("who", "outcome", "error_code", "step").annotate(number=Count("*"))
    found = numbers.values_list("who", "outcome", "error_code", "step", "number")
    return _summed(
        ((who, outcome, code), number, steps.packed(step, number))
        for who, outcome, code, step, number in found
    )


def merged(parts: Iterable[Counts]) -> Counts:
    """The sum of several counts."""
    return _summed((group, *numbers) for part in parts for group, numbers in part.items())


def _summed(lines: Iterable[tuple[Group, int, int]]) -> Counts:
    found: dict[Group, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for group, number, times in lines:
        before = found[group]
        found[group] = before[0] + number, before[1] + times
    return found


def to_texts(counts: Counts) -> Texts:
    """The counts as texts; equal counts have equal texts."""
    total, created, kinds = Counter[int](), Counter[int](), Counter[tuple[str, str]]()
    times: Counter[int] = Counter()
    for (who, outcome, code), (number, took) in counts.items():
        total[who] += number
        created[who] += number if outcome == Outcome.CREATED else 0
        kinds[outcome, code] += number
        times[who] += took
    people = [[who, total[who], created[who], *steps.to_text(times[who])] for who in sorted(total)]
    groups = [[*group, number, *steps.to_text(took)] for group, (number, took) in sorted(counts.items())]
    return Texts(
        _short({"people": people, "kinds": [[*kind, number] for kind, number in sorted(kinds.items())]}),
        _short(groups),
    )


def groups_of(text: str) -> Iterator[tuple[Group, int, int]]:
    """Each group of a text by group, with the number of submissions and the packed times."""
    for who, outcome, code, number, step_index, digits in json.loads(text):
        yield (who, outcome, code), number, steps.from_text(step_index, digits)


def from_text(text: str) -> Counts:
    """The counts of a text by group."""
    return {group: (number, times) for group, number, times in groups_of(text)}


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
