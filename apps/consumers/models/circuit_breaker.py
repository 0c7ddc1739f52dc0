"""The circuit breaker of reconciliation, shared by all workers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class CircuitBreaker(models.Model):
    """The single row that pauses checks while Sitecore CDP does not answer them."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    failures = models.PositiveIntegerField(default=0)  # consecutive, since the last successful check
    failed_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="circuit_breaker_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.failures} failures"
