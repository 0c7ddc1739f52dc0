"""Notes of supervisors on submissions that are to be resolved."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from apps.consumers.models.submission import Submission
from apps.core import personal_data


class SubmissionNote(models.Model):
    """What a supervisor has found out about a submission. It is never changed.

    The text is encrypted, because it may name a consumer.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    author_name = models.CharField(max_length=200)
    written_at = models.DateTimeField()
    encrypted_text = models.BinaryField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def text(self) -> str:
        """The note; empty if it was erased or cannot be read."""
        return personal_data.readable_text(self, "encrypted_text")
