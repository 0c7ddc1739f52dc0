"""The identity rules as rows of their page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.consumers.models import IdentityRule, RemovedIdentityRule


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One identity rule."""

    pk: int
    priority: int
    name: str
    provider: str
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """A removed rule that can be restored. ``pk``: of the removal; ``priority``: its former one."""

    pk: int
    priority: int
    name: str
    provider: str
    removed_by: str
    removed_at: datetime


def removed_rows(removed: Iterable[RemovedIdentityRule]) -> tuple[RemovedRow, ...]:
    """The removed rules in the given order."""
    return tuple(
        RemovedRow(
            pk=one.pk,
            priority=one.priority,
            name=one.name,
            provider=one.provider,
            removed_by=one.removed_by_name,
            removed_at=one.removed_at,
        )
        for one in removed
    )


def rule_rows(rules: Sequence[IdentityRule]) -> tuple[RuleRow, ...]:
    """The rules in the given order."""
    return tuple(
        RuleRow(
            pk=rule.pk,
            priority=rule.priority,
            name=rule.name,
            provider=rule.provider,
            is_first=rule is rules[0],
            is_last=rule is rules[-1],
        )
        for rule in rules
    )
