"""Change the identity rules, a copy of the list in the vendor's tenant.

An administrator decides by the list that they see. Each move, removal and restoration names that list
(:func:`version_of`), and is refused if another administrator has changed it meanwhile, so that
nobody's change is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import normalize

from django.db import connection, transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.audit_events import IDENTITY_RULE_CHANGED
from apps.consumers.models import MAX_IDENTITY_RULES, IdentityRule, RemovedIdentityRule
from apps.core.actor import Actor

MAX_REMOVED: Final = 5
"""Removed rules that can be restored; older ones are deleted."""
# Waits for other changes, not for readers. Rows cannot be locked: a move replaces them.
_LOCK: Final = "LOCK TABLE consumers_identityrule IN SHARE ROW EXCLUSIVE MODE"


class RuleRefused(Exception):
    """Nothing was changed. ``code``: ``too_many``, ``provider_taken`` or ``changed_meanwhile``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def version_of(rules: Iterable[IdentityRule]) -> str:
    """A digest of the list in its order, by which a change names the list that it is about."""
    parts = [f"{rule.pk}\x00{rule.name}\x00{rule.provider}" for rule in rules]
    return hashlib.sha256("\x01".join(parts).encode()).hexdigest()[:32]


@transaction.atomic
def add_rule(*, name: str, provider: str, actor: Actor) -> IdentityRule:
    """Add a rule as the last one. Raises ``RuleRefused``."""
    rules = _locked_rules()
    _require_room(rules, provider)
    rule = IdentityRule.objects.create(name=name, provider=provider, priority=len(rules) + 1)
    _record("added", rule, actor, before=rules, after=[*rules, rule])
    return rule


@transaction.atomic
def move_rule(pk: int, *, offset: int, version: str, actor: Actor) -> IdentityRule | None:
    """Move a rule by this many positions, up if negative, at most to the end of the list.

    Returns the rule with its new priority; None, without an event, if it stays where it is. Raises
    ``RuleRefused`` if the list is another one than the version.
    """
    rules = _locked_rules(version)
    rule = next((one for one in rules if one.pk == pk), None)
    if rule is None:
        raise RuleRefused("changed_meanwhile")
    others = [one for one in rules if one.pk != pk]
    index = max(0, min(rule.priority - 1 + offset, len(others)))
    after = [*others[:index], rule, *others[index:]]
    if after == rules:
        return None
    before = _in_order(after)
    IdentityRule.objects.filter(pk__in=before).delete()
    IdentityRule.objects.bulk_create(after)
    _record("moved", rule, actor, before=rules, after=after, priority_before=before[pk])
    return rule


@transaction.atomic
def remove_rule(pk: int, *, version: str, actor: Actor) -> IdentityRule:
    """Remove a rule, which :func:`restore_rule` can undo; the later rules move up. Returns the removed rule.

    Raises ``RuleRefused`` if the list is another one than the version.
    """
    rules = _locked_rules(version)
    rule = next((one for one in rules if one.pk == pk), None)
    if rule is None:
        raise RuleRefused("changed_meanwhile")
    after = [one for one in rules if one.pk != pk]
    IdentityRule.objects.filter(pk__in=_in_order(after)).delete()
    IdentityRule.objects.filter(pk=pk).delete()
    IdentityRule.objects.bulk_create(after)
    RemovedIdentityRule.objects.create(
        rule_id=pk,
        name=rule.name,
        provider=rule.provider,
        priority=rule.priority,
        removed_by_name=actor.name,
    )
    kept = RemovedIdentityRule.objects.order_by("-pk").values_list("pk", flat=True)[:MAX_REMOVED]
    RemovedIdentityRule.objects.exclude(pk__in=list(kept)).delete()
    _record("removed", rule, actor, before=rules, after=after, priority_before=rule.priority)
    return rule


@transaction.atomic
def restore_rule(removed_pk: int, *, version: str, actor: Actor) -> IdentityRule:
    """Undo a removal: the rule gets its position back, or the last one of a list that is shorter now.

    Raises ``RuleRefused`` if the list is another one than the version, if it is full, or if another rule has
    the provider; the removed rule can then be restored later.
    """
    rules = _locked_rules(version)
    removed = RemovedIdentityRule.objects.filter(pk=removed_pk).first()
    if removed is None:
        raise RuleRefused("changed_meanwhile")
    _require_room(rules, removed.provider)
    rule = IdentityRule(pk=removed.rule_id, name=removed.name, provider=removed.provider)
    index = min(removed.priority - 1, len(rules))
    after = [*rules[:index], rule, *rules[index:]]
    IdentityRule.objects.filter(pk__in=_in_order(after)).delete()
    IdentityRule.objects.bulk_create(after)
    RemovedIdentityRule.objects.filter(pk=removed_pk).delete()
    _record("restored", rule, actor, before=rules, after=after)
    return rule


def _locked_rules(version: str | None = None) -> list[IdentityRule]:
    """The rules in order, which nobody else changes until the transaction ends.

    Raises ``RuleRefused`` if they are not those of the version. On SQLite, the transaction has the only lock.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LOCK)
    rules = list(IdentityRule.objects.order_by("priority"))
    if version is not None and version != version_of(rules):
        raise RuleRefused("changed_meanwhile")
    return rules


def _require_room(rules: Sequence[IdentityRule], provider: str) -> None:
    if len(rules) >= MAX_IDENTITY_RULES:
        raise RuleRefused("too_many")
    # The vendor compares exactly, but people cannot distinguish two providers that look the same.
    if any(normalize("NFKC", rule.provider) == normalize("NFKC", provider) for rule in rules):
        raise RuleRefused("provider_taken")


def _in_order(rules: Sequence[IdentityRule]) -> dict[int, int]:
    """Set the priorities by the order given. Returns the former ones by primary key."""
    former = {rule.pk: rule.priority for rule in rules}
    for priority, rule in enumerate(rules, start=1):
        rule.priority = priority
    return former


def _record(
    change: str,
    rule: IdentityRule,
    actor: Actor,
    *,
    before: Sequence[IdentityRule],
    after: Sequence[IdentityRule],
    priority_before: int | None = None,
) -> None:
    record(
        Event(
            type=IDENTITY_RULE_CHANGED,
            actor=actor,
            data={
                "change": change,
                "rule": rule.name,
                "provider": rule.provider,
                "priority_before": priority_before,
                "priority_after": None if change == "removed" else rule.priority,
                "order_before": [one.provider for one in before],
                "order_after": [one.provider for one in after],
            },
        )
    )
