"""How a person uses the form."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class EntryPreferences(models.Model):
    """What one person carries over from entry to entry, and their shortcuts. Contains nothing of a consumer.

    An email address identifies a guest profile, so it is carried over only on request.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    last_name = models.BooleanField(default=True)
    nationality = models.BooleanField(default=True)
    country = models.BooleanField(default=True)
    phone_numbers = models.BooleanField(default=True)
    emails = models.BooleanField(default=False)
    single_key_shortcuts = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.person_id)
