"""Keyed digests for exact searches by personal data that is stored encrypted."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.consumers.models.submission import Submission


class DigestKind(models.TextChoices):
    """The kinds of values by which a submission can be found."""

    EMAIL = "email", _("Email address")
    PHONE = "phone", _("Phone number")
    PASSPORT = "passport", _("Passport number")
    IDENTIFIER = "identifier", _("Identifier")
    LAST_NAME = "last_name", _("Last name")


class SubmissionDigest(models.Model):
    """Keyed digest of one normalised value of a submission's consumer."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="digests")
    kind = models.CharField(max_length=10, choices=DigestKind)
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="digest_kind_is_known", condition=Q(kind__in=DigestKind.values)),
            models.UniqueConstraint(name="digest_once", fields=["kind", "digest", "submission"]),
        ]

    def __str__(self) -> str:
        return self.kind
