"""Searches for values of consumers: who searched, when, and for what."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.consumers.models.digests import DigestKind


class RecordedSearch(models.Model):
    """One search by one person, for one value of each of its kinds. Events name it by ``public_id``.

    What was searched for is encrypted. Erasure empties it and deletes the digests; the kinds stay.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    searched_at = models.DateTimeField()
    kinds = models.JSONField()  # values of DigestKind, in their order
    encrypted_values = models.BinaryField(blank=True)  # JSON: the typed value by kind

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["searched_at"], condition=~Q(encrypted_values=b""), name="search_with_values"
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class RecordedSearchDigest(models.Model):
    """Keyed digest of one normalised value that was searched for, to find out who searched for a value."""

    search = models.ForeignKey(RecordedSearch, on_delete=models.CASCADE, related_name="digests")
    kind = models.CharField(max_length=10, choices=DigestKind)
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="search_digest_kind_is_known", condition=Q(kind__in=DigestKind.values)
            ),
            models.UniqueConstraint(name="search_digest_once", fields=["kind", "digest", "search"]),
        ]

    def __str__(self) -> str:
        return self.kind
