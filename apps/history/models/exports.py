"""Exports of submissions: their states, reasons and results."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core import personal_data
from apps.core.time_zones import find_zone


class State(models.TextChoices):
    """The state of an export. FINISHED: the whole file was sent."""

    READY = "ready", _("Ready")
    RUNNING = "running", _("Being written")
    DELIVERING = "delivering", _("Being sent")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ACTIVE = (State.RUNNING, State.DELIVERING)
"""States in which an export occupies a slot: its process is running, or was lost."""


class ExportReason(models.TextChoices):
    """Why personal data are exported. The codes are recorded in the audit log."""

    CONSUMER_ASKED = "consumer_asked", _("A consumer asked for their data")
    COMPLAINT = "complaint", _("A complaint or a claim")
    DATA_CHECK = "data_check", _("A check against another system")
    AUTHORITY = "authority", _("An authority asked for it")
    OTHER = "other", _("Another reason, in the note")


class Export(models.Model):
    """One export of submissions by one person. The form starts with the choice of the person's newest one."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)  # set when finished, failed or cancelled
    state = models.CharField(max_length=10, choices=State, default=State.READY)

    # The choice. selection (exports/selections.py): filters and scope, and the public id of a search.
    selection = models.JSONField()
    filters = models.JSONField(
        default=list
    )  # in words: pairs of label and text, without values of a consumer
    format = models.CharField(max_length=10)
    columns = models.JSONField()  # keys, in the order of the file
    personal = models.BooleanField(default=False)  # whether any column contains personal data
    time_zone = models.CharField(max_length=64)
    separator = models.CharField(max_length=1)
    byte_order_mark = models.BooleanField(default=True)
    reason = models.CharField(max_length=20, choices=ExportReason, blank=True)
    encrypted_note = models.BinaryField(blank=True)

    # The result.
    rows_expected = models.PositiveBigIntegerField()
    rows = models.PositiveBigIntegerField(default=0)  # written so far
    unreadable = models.PositiveBigIntegerField(default=0)  # rows whose personal data cannot be read
    bytes = models.PositiveBigIntegerField(default=0)  # written so far
    bytes_sent = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    beat_at = models.DateTimeField(null=True)  # last heartbeat of the process that writes the file
    slot = models.PositiveSmallIntegerField(null=True)

    class Meta:
        default_permissions = ()
        permissions = [("view_past_exports", _("Can see the exports of all people"))]
        indexes = [
            models.Index(fields=["person", "-created_at", "-id"], name="export_newest_of_a_person"),
            models.Index(
                fields=["-started_at", "-id"], name="export_started", condition=Q(started_at__isnull=False)
            ),
            models.Index(
                fields=["person", "-started_at", "-id"],
                name="export_started_by_a_person",
                condition=Q(started_at__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="export_state_is_known", condition=Q(state__in=State.values)),
            models.UniqueConstraint(
                name="export_slot_once", fields=["slot"], condition=Q(slot__isnull=False)
            ),
            models.CheckConstraint(
                name="export_slot_and_beat_while_active",
                # Not null as well as at least 1: a comparison with null passes a check constraint.
                condition=Q(
                    state__in=["running", "delivering"],
                    slot__isnull=False,
                    slot__gte=1,
                    beat_at__isnull=False,
                )
                | (~Q(state__in=["running", "delivering"]) & Q(slot__isnull=True)),
            ),
            models.CheckConstraint(
                name="export_started_unless_ready",
                condition=Q(state="ready", started_at__isnull=True)
                | (~Q(state="ready") & Q(started_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="export_ended_with_its_time",
                condition=Q(state__in=["finished", "failed", "cancelled"], finished_at__isnull=False)
                | (~Q(state__in=["finished", "failed", "cancelled"]) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="export_checksum_exactly_when_finished",
                condition=(Q(state="finished") & ~Q(sha256="")) | (~Q(state="finished") & Q(sha256="")),
            ),
            models.CheckConstraint(
                name="export_failure_says_why",
                condition=(Q(state="failed") & ~Q(failure_code=""))
                | (~Q(state="failed") & Q(failure_code="")),
            ),
            models.CheckConstraint(
                name="export_personal_with_a_reason",
                condition=(Q(personal=True) & ~Q(reason=""))
                | Q(personal=False, reason="", encrypted_note=b""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the export's times: the chosen one, or UTC if this machine does not have it."""
        return find_zone(self.time_zone) or ZoneInfo("UTC")

    @property
    def rows_selected(self) -> int:
        """The number of rows of the whole file: written, or if it was not completed, counted before."""
        return self.rows if self.state == State.FINISHED else self.rows_expected

    @property
    def is_active(self) -> bool:
        """Whether it occupies a slot."""
        return self.state in ACTIVE

    @property
    def note(self) -> str:
        """The person's note on the reason; "" if there is none, or if it cannot be read."""
        return personal_data.readable_text(self, "encrypted_note")

    def set_note(self, note: str) -> None:
        """Encrypt and set the person's note on the reason. Does not save."""
        self.encrypted_note = personal_data.encrypted(self, "encrypted_note", note)
