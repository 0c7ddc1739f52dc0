"""What a supervisor's resolution has replaced."""

from __future__ import annotations

import json

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.cdp.consumers import OrderConsumer
from apps.consumers.models.submission import Outcome, SettledHow, SettleReason, Submission
from apps.core.encryption import decrypt_column


class PastResolution(models.Model):
    """What another resolution has replaced, so that a receipt can show both.

    It is a resolution, or an answer of the vendor that was doubted: then ``settled_how`` is empty, and
    ``settled_at`` is when the answer came. The columns are those of the submission, as they were before. Note
    and consumer stay encrypted.
    """

    id = models.BigAutoField(primary_key=True)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="past_resolutions")
    outcome = models.CharField(max_length=12, choices=Outcome)
    consumer_ref = models.CharField(max_length=200, blank=True)
    settled_how = models.CharField(max_length=10, choices=SettledHow, blank=True)
    settled_at = models.DateTimeField()
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    settled_by_name = models.CharField(max_length=200, blank=True)
    settle_reason = models.CharField(max_length=20, choices=SettleReason, blank=True)
    settled_read_at = models.DateTimeField(null=True)
    encrypted_settle_note = models.TextField(blank=True)
    encrypted_answer = models.TextField(blank=True)
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
                name="past_resolution_settled_completely",
                # As for a submission; an answer of the vendor that was replaced said that it is created.
                condition=Q(settled_how="", settled_by__isnull=True, settle_reason="", outcome="created")
                | (Q(settled_how="by_hand", settled_by__isnull=False) & ~Q(settle_reason=""))
                | Q(settled_how="by_look_up", settle_reason="", outcome="created"),
            ),
            models.CheckConstraint(
                name="past_resolution_read_only_when_marked_created",
                condition=Q(settled_read_at__isnull=True) | Q(settled_how="by_hand", outcome="created"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.submission_id}: {self.outcome}"

    @property
    def settle_note(self) -> str:
        """The supervisor's note; empty where there is none or no key opens it."""
        return decrypt_column(self.encrypted_settle_note)

    @property
    def answer(self) -> OrderConsumer | None:
        """The consumer that the portal had read then; None where it had read none."""
        read = decrypt_column(self.encrypted_answer)
        return OrderConsumer.from_json(json.loads(read)) if read else None
