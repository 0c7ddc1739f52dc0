"""The totals for the figures, and the moments whose totals are outdated."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class PeriodTotals(models.Model):
    """How many submissions from ``begins`` to before ``ends`` there are, for the figures.

    They are true while no :class:`ChangedMoment` is in the period: whoever reads them checks this in the same
    statement. Only the worker writes them; every one can be computed again from the submissions.
    """

    id = models.BigAutoField(primary_key=True)
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    # As apps/history/totals/counts.py writes them.
    by_person = models.TextField()
    by_group = models.TextField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="totals_once_for_a_period", fields=["begins", "ends"]),
            models.CheckConstraint(
                name="totals_of_a_period_that_ends", condition=Q(ends__gt=models.F("begins"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M}"


class ChangedMoment(models.Model):
    """When a submission was sent that has since been stored, changed or deleted. Triggers write it."""

    id = models.BigAutoField(primary_key=True)
    submitted_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.submitted_at:%Y-%m-%d %H:%M:%S}"
