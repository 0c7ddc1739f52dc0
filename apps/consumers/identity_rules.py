"""Changing the identity rules: the same list, in the same order, as in the vendor's tenant."""

from __future__ import annotations

from unicodedata import normalize

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.audit_events import IDENTITY_RULE_CHANGED
from apps.consumers.models import MAX_IDENTITY_RULES, IdentityRule
from apps.core.actor import Actor


class RuleRefused(Exception):
    """Nothing was changed: ``code`` says why (``too_many``, ``provider_taken``, ``changed_meanwhile``)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def add_rule(*, name: str, provider: str, actor: Actor) -> IdentityRule:
    """Add a rule behind the last one. Raises ``RuleRefused``."""
    try:
        with transaction.atomic():
            rules = list(IdentityRule.objects.select_for_update().order_by("priority"))
            if len(rules) >= MAX_IDENTITY_RULES:
                raise RuleRefused("too_many")
            # Vendor: compared letter for letter. Two that look alike are still one too many for people.
            if any(normalize("NFKC", rule.provider) == normalize("NFKC", provider) for rule in rules):
                raise RuleRefused("provider_taken")
            rule = IdentityRule.objects.create(name=name, provider=provider, priority=len(rules) + 1)
            _record("added", rule, actor)
    except IntegrityError:
        raise RuleRefused("changed_meanwhile") from None
    return rule


@transaction.atomic
def remove_rule(rule: IdentityRule, *, actor: Actor) -> None:
    """Remove a rule; those behind it move up. Nothing happens where somebody else has removed it."""
    rules = list(IdentityRule.objects.select_for_update().order_by("priority"))
    current = next((one for one in rules if one == rule), None)
    if current is None:
        return
    IdentityRule.objects.filter(pk=current.pk).delete()
    for later in rules[rules.index(current) + 1 :]:
        IdentityRule.objects.filter(pk=later.pk).update(priority=F("priority") - 1)
    _record("removed", current, actor)


def _record(change: str, rule: IdentityRule, actor: Actor) -> None:
    record(
        Event(
            type=IDENTITY_RULE_CHANGED,
            actor=actor,
            data={
                "change": change,
                "rule": rule.name,
                "provider": rule.provider,
                "priority": rule.priority,
            },
        )
    )
