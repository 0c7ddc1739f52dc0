"""The identity rules of the vendor's tenant, as entered in the portal."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.core import clock

MAX_IDENTITY_RULES = 5  # vendor: at most five identity rules in a tenant


class IdentityRule(models.Model):
    """One identity rule, as entered by an administrator.

    Vendor: rules are applied in order of priority; a rule matches if the provider is exactly equal and the id
    belongs to a guest.
    """

    name = models.CharField(max_length=100)
    provider = models.CharField(max_length=100, unique=True)
    priority = models.PositiveSmallIntegerField(unique=True)

    class Meta:
        default_permissions = ()
        permissions = [("change_identity_rules", "Change the identity rules")]
        constraints = [
            models.CheckConstraint(
                name="identity_rule_priority_in_range",
                condition=Q(priority__gte=1, priority__lte=MAX_IDENTITY_RULES),
            ),
            models.CheckConstraint(name="identity_rule_is_named", condition=~Q(name="") & ~Q(provider="")),
        ]

    def __str__(self) -> str:
        return self.name


class RemovedIdentityRule(models.Model):
    """A removed rule with what it needs to be restored. Only the latest few are kept."""

    rule_id = models.BigIntegerField()  # the primary key that it had
    name = models.CharField(max_length=100)
    provider = models.CharField(max_length=100)
    priority = models.PositiveSmallIntegerField()
    removed_at = models.DateTimeField(default=clock.now)
    removed_by_name = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
