"""The identity rules of the vendor's tenant, as entered in the portal."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

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
