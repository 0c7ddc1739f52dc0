"""The rows of a batch."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.batches.cells import cells_from_json, cells_to_json
from apps.batches.models.batch import Batch
from apps.core import personal_data


class OwnState(models.TextChoices):
    """The state of a row that has no submission with its token."""

    UNCHECKED = "unchecked", _("Unchecked")
    NEEDS_ATTENTION = "attention", _("Needs attention")
    READY = "ready", _("Ready")
    ALREADY_SENT = "already_sent", _("Already sent")
    LEFT_OUT = "left_out", _("Left out")


class RowState(models.TextChoices):
    """The state of a row: its own, or the outcome of the submission with its token."""

    UNCHECKED = "unchecked", _("Unchecked")
    NEEDS_ATTENTION = "attention", _("Needs attention")
    READY = "ready", _("Ready")
    SENDING = "sending", _("Sending")
    CREATED = "created", _("Created")
    REJECTED = "rejected", _("Rejected")
    NOT_SENT = "not_sent", _("Not sent")
    UNKNOWN = "unknown", _("Unknown")
    NOT_CREATED = "not_created", _("Not created")
    ALREADY_SENT = "already_sent", _("Already sent")
    LEFT_OUT = "left_out", _("Left out")


class ReleaseReason(models.TextChoices):
    """Why a person sends a row whose content was already created; codes, so that events may carry them."""

    ANOTHER_PERSON = "another_person", _("It is another person with the same data")
    DELETED_IN_CDP = "deleted_in_cdp", _("The consumer was removed in Sitecore CDP")
    OTHER = "other", _("Another reason")


class BatchRow(models.Model):
    """One person of a batch. Once its submission is stored, that decides its state.

    ``token``: of the submission; it is replaced only when the row is sent again after an outcome that proves
    that no consumer was created. ``accepted``: the keys of the warnings that were confirmed. ``version``:
    grows with every change of values or decisions, so that nothing is sent that has changed meanwhile.
    ``confirmed_version``: the version that a person confirmed to be sent; only that one is sent.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="rows", db_index=False)
    number = models.PositiveIntegerField()  # the file's own, from 1; the header has one, too
    token = models.UUIDField(unique=True, default=uuid.uuid4)
    version = models.PositiveIntegerField(default=1)
    confirmed_version = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=12, choices=OwnState, default=OwnState.UNCHECKED)
    # Left out because the batch was stopped, and not by its author.
    left_out_by_stop = models.BooleanField(default=False)
    encrypted_cells = models.BinaryField(blank=True)  # as uploaded, as JSON of cells_to_json
    encrypted_values = models.BinaryField(blank=True)  # the flat values of the form, as JSON
    encrypted_findings = models.BinaryField(blank=True)  # checking.findings.Findings, as JSON
    accepted = models.JSONField(default=list)
    similar_reason = models.CharField(max_length=30, blank=True)
    # The submission because of which it is already sent, or was before it was released.
    earlier = models.UUIDField(null=True)
    # Whether that submission has other content. It was open, and was made for the row with this number of a
    # batch that this one replaces.
    earlier_differs = models.BooleanField(default=False)
    # The ids of the created submissions that it repeats, as a person has decided.
    released = models.JSONField(default=list)
    release_reason = models.CharField(max_length=20, choices=ReleaseReason, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(name="batch_row_number_once", fields=["batch", "number"]),
            models.CheckConstraint(name="batch_row_state_is_known", condition=Q(state__in=OwnState.values)),
            models.CheckConstraint(
                name="batch_row_already_sent_names_a_submission",
                condition=~Q(state="already_sent") | Q(earlier__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_row_left_out_by_a_stop",
                condition=Q(left_out_by_stop=False) | Q(state="left_out"),
            ),
            models.CheckConstraint(
                name="batch_row_confirmed_as_it_was",
                condition=Q(confirmed_version__isnull=True) | Q(confirmed_version__lte=models.F("version")),
            ),
            models.CheckConstraint(
                name="batch_row_ready_with_values",
                condition=~Q(state__in=["ready"]) | ~Q(encrypted_values=b""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def cells(self) -> tuple[str, ...] | None:
        """The uploaded cells; None if they cannot be read, or were erased."""
        text = personal_data.readable_text(self, "encrypted_cells")
        return cells_from_json(json.loads(text)) if text else None

    @cells.setter
    def cells(self, cells: tuple[str, ...]) -> None:
        """Raises ``MissingKeyError``."""
        self.encrypted_cells = self._encrypted("encrypted_cells", cells_to_json(cells))

    @property
    def values(self) -> dict[str, str] | None:
        """The values of the form, with flat names; None if they cannot be read, were erased or never set."""
        text = personal_data.readable_text(self, "encrypted_values")
        return dict(json.loads(text)) if text else None

    @values.setter
    def values(self, values: Mapping[str, str]) -> None:
        """Raises ``MissingKeyError``."""
        self.encrypted_values = self._encrypted("encrypted_values", dict(values))

    def _encrypted(self, name: str, value: Any) -> bytes:
        return personal_data.encrypted(self, name, json.dumps(value, ensure_ascii=False))
