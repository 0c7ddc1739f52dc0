"""What a person has typed into the form and not sent yet."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core import personal_data


class Draft(models.Model):
    """An unsent entry of one person, or the fact that a draft is finished: sent or discarded.

    ``public_id``: made by the form when it is rendered. ``page``: the page that wrote last; a page keeps its
    id while the form comes back with errors or warnings. ``version``: of the values, grows with each save. A
    finished draft has no values; it refuses a save that arrives late. Order and names are only in the values.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    page = models.UUIDField()
    version = models.PositiveIntegerField()
    saved_at = models.DateTimeField(db_index=True)  # or when it was finished
    is_finished = models.BooleanField(default=False)
    encrypted_values = models.BinaryField(blank=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["person", "saved_at"], condition=Q(is_finished=False), name="draft_unsent_of_person"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="draft_is_finished_only_without_values",
                condition=Q(is_finished=False) | Q(encrypted_values=b""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def set_values(self, values: Mapping[str, str]) -> None:
        """Encrypt the values of the form, as posted, for this draft. Raises ``MissingKeyError``."""
        text = json.dumps(dict(values), ensure_ascii=False)
        self.encrypted_values = personal_data.encrypted(self, "encrypted_values", text)

    @property
    def values(self) -> dict[str, str] | None:
        """The values of the form; None if they cannot be read, or were erased."""
        text = personal_data.readable_text(self, "encrypted_values")
        return dict(json.loads(text)) if text else None
