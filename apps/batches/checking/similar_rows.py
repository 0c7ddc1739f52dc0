"""Rows of one batch that are like an earlier row of it, by the rules for consumers on one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.cdp.consumers import NewConsumer
from apps.consumers.duplicates.candidates import Candidates
from apps.consumers.duplicates.compare import Comparison, compare, decide
from apps.consumers.duplicates.facts import Facts
from apps.consumers.sending.warnings import NAMED


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """A pair of similar rows: the earlier one's number, and how the two compare.

    The comparison of a row after the first ``NAMED`` has no fields.
    """

    number: int
    comparison: Comparison


def similar_rows(rows: Sequence[tuple[int, NewConsumer]]) -> dict[int, tuple[SimilarRow, ...]]:
    """The earlier rows that each row is like, by its number. ``rows``: in the order of their numbers."""
    earlier: dict[int, Facts] = {}
    candidates: Candidates[int] = Candidates()
    found: dict[int, tuple[SimilarRow, ...]] = {}
    facts_of: dict[NewConsumer, Facts] = {}
    for number, consumer in rows:
        facts = facts_of.setdefault(consumer, Facts(consumer))
        similar: list[SimilarRow] = []
        decided: dict[int, Comparison] = {}  # by the facts: identical rows have the same
        for one in sorted(candidates.of(facts)):
            other = earlier[one]
            if len(similar) < NAMED:
                comparison = compare(facts, other)
            else:
                comparison = decided.get(id(other)) or decided.setdefault(id(other), decide(facts, other))
            if comparison.is_similar:
                similar.append(SimilarRow(one, comparison))
        if similar:
            found[number] = tuple(similar)
        earlier[number] = facts
        candidates.add(number, facts)
    return found
