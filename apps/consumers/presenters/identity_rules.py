"""The identity rules as rows of their page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from apps.consumers.models import IdentityRule


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One identity rule; ``remove_url`` removes it by POST."""

    priority: int
    name: str
    provider: str
    remove_url: str


def rule_rows(rules: Iterable[IdentityRule]) -> tuple[RuleRow, ...]:
    """The rules in the given order."""
    return tuple(
        RuleRow(
            priority=rule.priority,
            name=rule.name,
            provider=rule.provider,
            remove_url=reverse("consumers:remove_identity_rule", args=[rule.pk]),
        )
        for rule in rules
    )
