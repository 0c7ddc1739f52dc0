"""Rows of one list that are like an earlier row of it, by the rules for consumers on one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.cdp.consumers import NewConsumer
from apps.consumers.duplicates.candidates import Candidates
from apps.consumers.duplicates.compare import Comparison, compare
from apps.consumers.duplicates.facts import Facts


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """A pair of similar rows: the earlier one's number, and how the two compare."""

    number: int
    comparison: Comparison


def similar_rows(rows: Sequence[tuple[int, NewConsumer]]) -> dict[int, tuple[SimilarRow, ...]]:
    """The earlier rows that each row is like, by its number. ``rows``: in the order of their numbers."""
    earlier: dict[int, Facts] = {}
    candidates: Candidates[int] = Candidates()
    found: dict[int, tuple[SimilarRow, ...]] = {}
    for number, consumer in rows:
        facts = Facts(consumer)
        pairs = ((one, compare(facts, earlier[one])) for one in sorted(candidates.of(facts)))
        similar = tuple(SimilarRow(one, comparison) for one, comparison in pairs if comparison.is_similar)
        if similar:
            found[number] = similar
        earlier[number] = facts
        candidates.add(number, facts)
    return found
