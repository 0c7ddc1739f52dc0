"""Health of the connection to the vendor."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ConnectionHealth(models.Model):
    """The single row about the connection to Sitecore CDP, from the answers to all processes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    answered_at = models.DateTimeField(null=True)
    # Since when the vendor refuses the credentials (401) or the access (403); null while accepted.
    refused_since = models.DateTimeField(null=True)
    refused_status = models.PositiveSmallIntegerField(null=True)
    clock_ahead = models.FloatField(null=True)  # seconds by which the portal's clock is ahead of the vendor's

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="connection_health_is_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="connection_health_refused_with_status",
                condition=Q(refused_since__isnull=True, refused_status__isnull=True)
                | Q(refused_since__isnull=False, refused_status__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"answered at {self.answered_at}"
