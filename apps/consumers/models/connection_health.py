"""What the last answers of the vendor said about the connection itself."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ConnectionHealth(models.Model):
    """The one row about the connection to Sitecore CDP, from the answers that all processes got."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    answered_at = models.DateTimeField(null=True)
    # Since when the API credentials are refused (401) or the access is (403); null while they are good.
    refused_since = models.DateTimeField(null=True)
    refused_status = models.PositiveSmallIntegerField(null=True)
    clock_ahead = models.FloatField(null=True)  # seconds by which our clock is ahead of the vendor's

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
