"""Batches: several people onto one order, from a table or a file."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.core import personal_data
from apps.core.references import ORDER_NUMBER_LENGTH


class SourceKind(models.TextChoices):
    """What the rows were read from."""

    PASTED = "pasted", _("Pasted table")
    CSV = "csv", _("CSV file")
    XLSX = "xlsx", _("Excel file")
    ODS = "ods", _("OpenDocument file")
    ROWS = "rows", _("Rows of an earlier list")


class BatchState(models.TextChoices):
    """What happens to the batch next. Rows have states of their own."""

    MATCHING = "matching", _("Columns to be matched")
    CHECKED = "checked", _("Checked, not confirmed")
    SENDING = "sending", _("Being sent")
    PAUSED = "paused", _("Paused")
    STOPPED = "stopped", _("Stopped")
    FINISHED = "finished", _("Finished")


FINAL_STATES = (BatchState.STOPPED,)
"""States that a batch never leaves. A finished batch is sent again once a corrected row is confirmed."""


ENDED_STATES = (BatchState.STOPPED, BatchState.FINISHED)
"""States in which nothing more is sent unless a person confirms it."""


class PauseReason(models.TextChoices):
    """Why a batch is paused; codes, so that events may carry them."""

    BY_PERSON = "by_person", _("Paused by a person")
    NOT_PERMITTED = "not_permitted", _("The person who confirmed may no longer create order consumers")
    CREDENTIALS = "credentials", _("Sitecore CDP refuses the API credentials")
    SEVERAL_UNKNOWN = "several_unknown", _("Five outcomes in a row were unknown")
    NOT_REACHED = "not_reached", _("Sitecore CDP could not be reached five times in a row")
    RATE_LIMITED = "rate_limited", _("Sitecore CDP keeps answering that there are too many requests")
    NOT_READABLE = "not_readable", _("A row cannot be decrypted")
    FAULT = "fault", _("An error of the portal")


@dataclass(frozen=True, slots=True)
class SendCounters:
    """What the outcomes of a batch's rows have counted since its sending started.

    ``pause_ms``: milliseconds between two rows; grows after "too many requests" and shrinks again. The others
    count outcomes of one kind since the last row with another outcome.
    """

    pause_ms: int = 0
    unknown_in_a_row: int = 0
    not_sent_in_a_row: int = 0
    limited_in_a_row: int = 0


class Batch(models.Model):
    """Several people for one order. Pages call it a list. The rows are stored encrypted, the file is not.

    ``lease``: the process that is sending a row of this batch; of the batches for one order, one at a time
    has a lease. ``due_at``: when the next row may be sent.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    order_ref = models.CharField(max_length=200)
    order_number = models.CharField(max_length=ORDER_NUMBER_LENGTH, blank=True)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.MATCHING)
    pause_reason = models.CharField(max_length=20, choices=PauseReason, blank=True)
    source = models.CharField(max_length=10, choices=SourceKind)
    # Codes and numbers of what the reader has to know about the file (reading.table.Finding).
    findings = models.JSONField(default=list)
    encrypted_headers = models.BinaryField(blank=True)  # a JSON list of texts, as the columns are
    # The number of the row of headers in the file; null for a table without.
    header_row = models.PositiveIntegerField(null=True)
    targets = models.JSONField(default=list)  # the field of each column, or ""
    date_order = models.CharField(max_length=10, blank=True)  # day-month, month-day; empty: not needed
    # The earlier batch whose corrected file this is, or whose rows that were not created these are.
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    # Consumers on the order at the last check of the whole batch; null if it could not be read.
    refs_at_check = models.JSONField(null=True)
    # When all rows were compared with these; null if they have to be, before any is confirmed.
    checked_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    confirmed_by_name = models.CharField(max_length=200, blank=True)
    confirmed_session = models.CharField(max_length=200, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)  # the last time
    ended_at = models.DateTimeField(null=True)  # finished or stopped, the last time
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    # The columns of ``counters``.
    pause_ms = models.PositiveIntegerField(default=0)
    unknown_in_a_row = models.PositiveSmallIntegerField(default=0)
    not_sent_in_a_row = models.PositiveSmallIntegerField(default=0)
    limited_in_a_row = models.PositiveSmallIntegerField(default=0)
    erased_at = models.DateTimeField(null=True)  # when the rows' personal data were deleted

    class Meta:
        default_permissions = ()
        permissions = [
            ("send_batches", "Add several people to an order"),
            ("control_all_batches", "See, pause, resume and stop everybody's batches"),
        ]
        indexes = [
            models.Index(fields=["author", "-created_at"], name="batch_of_a_person"),
            models.Index(fields=["-created_at"], name="batch_newest_first"),
            models.Index(fields=["due_at"], condition=Q(state="sending"), name="batch_due"),
        ]
        constraints = [
            models.CheckConstraint(name="batch_state_is_known", condition=Q(state__in=BatchState.values)),
            models.CheckConstraint(
                name="batch_paused_with_a_reason",
                condition=(Q(state="paused") & ~Q(pause_reason=""))
                | (~Q(state="paused") & Q(pause_reason="")),
            ),
            models.CheckConstraint(
                name="batch_sent_only_when_confirmed",
                condition=~Q(state__in=["sending", "paused", "finished"])
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="batch_due_exactly_while_sending",
                condition=Q(state="sending", due_at__isnull=False)
                | (~Q(state="sending") & Q(due_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="batch_lease_has_an_end",
                condition=Q(lease__isnull=True, leased_until__isnull=True)
                | Q(lease__isnull=False, leased_until__isnull=False),
            ),
            models.UniqueConstraint(
                # Vendor: references are compared without regard to case.
                Lower("order_ref"),
                name="batch_of_an_order_sent_one_at_a_time",
                condition=Q(lease__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def is_discarded(self) -> bool:
        """Whether it was stopped before it was confirmed, so that nothing of it was sent."""
        return self.state == BatchState.STOPPED and self.confirmed_at is None

    def start_sending(self, now: dt.datetime) -> None:
        """Send the next row now, with new counters. Not saved, as for :meth:`pause` and :meth:`end`."""
        self.state, self.pause_reason = BatchState.SENDING, ""
        self.due_at, self.ended_at = now, None
        self.counters = SendCounters()

    def pause(self, reason: PauseReason, now: dt.datetime) -> None:
        """Send no further row until the batch is resumed."""
        self.state, self.pause_reason = BatchState.PAUSED, reason
        self.due_at, self.paused_at = None, now

    def end(self, state: BatchState, now: dt.datetime) -> None:
        """Send no further row. ``state``: one of :data:`ENDED_STATES`."""
        self.state, self.pause_reason = state, ""
        self.due_at, self.ended_at = None, now

    @property
    def counters(self) -> SendCounters:
        """What the outcomes of the rows have counted."""
        return SendCounters(
            self.pause_ms, self.unknown_in_a_row, self.not_sent_in_a_row, self.limited_in_a_row
        )

    @counters.setter
    def counters(self, counters: SendCounters) -> None:
        self.pause_ms = counters.pause_ms
        self.unknown_in_a_row = counters.unknown_in_a_row
        self.not_sent_in_a_row = counters.not_sent_in_a_row
        self.limited_in_a_row = counters.limited_in_a_row

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers of the columns, empty for a table without; also if they cannot be read."""
        text = personal_data.readable_text(self, "encrypted_headers")
        return tuple(json.loads(text)) if text else ()

    @headers.setter
    def headers(self, headers: tuple[str, ...]) -> None:
        """Raises ``MissingKeyError``."""
        text = json.dumps(list(headers), ensure_ascii=False)
        self.encrypted_headers = personal_data.encrypted(self, "encrypted_headers", text) if headers else b""
