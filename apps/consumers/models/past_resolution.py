"""Resolutions that a later resolution replaced."""

from __future__ import annotations

import json
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.cdp.consumers import OrderConsumer
from apps.consumers.models.submission import Outcome, ResolutionReason, ResolvedHow, Submission
from apps.core import personal_data


class PastResolution(models.Model):
    """A resolution, or a doubted answer of the vendor, that a later resolution replaced.

    The columns are copies of the submission's. For an answer of the vendor ``resolved_how`` is empty and
    ``resolved_at`` is the time of the answer. Note and consumer are encrypted again, for this row.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="past_resolutions")
    outcome = models.CharField(max_length=12, choices=Outcome)
    consumer_ref = models.CharField(max_length=200, blank=True)
    resolved_how = models.CharField(max_length=20, choices=ResolvedHow, blank=True)
    resolved_at = models.DateTimeField()
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    resolved_by_name = models.CharField(max_length=200, blank=True)
    resolution_reason = models.CharField(max_length=20, choices=ResolutionReason, blank=True)
    consumer_read_at = models.DateTimeField(null=True)
    encrypted_resolution_note = models.BinaryField(blank=True)
    encrypted_answer = models.BinaryField(blank=True)
    replaced_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="past_resolution_reference_exactly_when_created",
                condition=(Q(outcome="created") & ~Q(consumer_ref=""))
                | Q(outcome="not_created", consumer_ref=""),
            ),
            models.CheckConstraint(
                name="past_resolution_complete",
                # As for a submission; a replaced answer of the vendor always has the outcome created.
                condition=Q(
                    resolved_how="", resolved_by__isnull=True, resolution_reason="", outcome="created"
                )
                | (Q(resolved_how="by_supervisor", resolved_by__isnull=False) & ~Q(resolution_reason=""))
                | Q(resolved_how="by_reconciliation", resolution_reason="", outcome="created"),
            ),
            models.CheckConstraint(
                name="past_resolution_read_only_when_marked_created",
                condition=Q(consumer_read_at__isnull=True)
                | Q(resolved_how="by_supervisor", outcome="created"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}: {self.outcome}"

    @property
    def resolution_note(self) -> str:
        """The supervisor's note; empty if there is none, or if it cannot be read."""
        return personal_data.readable_text(self, "encrypted_resolution_note")

    @property
    def answer(self) -> OrderConsumer | None:
        """The consumer that the portal read for this resolution; None if it read none."""
        read = personal_data.readable_text(self, "encrypted_answer")
        return OrderConsumer.from_json(json.loads(read)) if read else None
