"""The identity rules as rows of their page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.consumers.models import IdentityRule


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One identity rule."""

    pk: int
    priority: int
    name: str
    provider: str


def rule_rows(rules: Iterable[IdentityRule]) -> tuple[RuleRow, ...]:
    """The rules in the given order."""
    return tuple(
        RuleRow(
            pk=rule.pk,
            priority=rule.priority,
            name=rule.name,
            provider=rule.provider,
        )
        for rule in rules
    )
