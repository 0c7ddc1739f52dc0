"""Submissions: the attempts to create an order consumer."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.errors import ErrorCode
from apps.core import personal_data
from apps.core.references import ORDER_NUMBER_LENGTH, same_reference


class Outcome(models.TextChoices):
    """Does the consumer exist? created = yes; rejected, not_sent, not_created = no; else perhaps."""

    SENDING = "sending", _("Being sent")
    CREATED = "created", _("Created")
    REJECTED = "rejected", _("Rejected")
    NOT_SENT = "not_sent", _("Not sent")
    UNKNOWN = "unknown", _("Unknown")
    NOT_CREATED = "not_created", _("Not created")


# The consumer may exist: a constraint prevents sending the same content while such a submission exists.
OPEN_OUTCOMES = (Outcome.SENDING, Outcome.UNKNOWN)
# The consumer exists, or may exist.
EXISTING_OUTCOMES = (Outcome.CREATED, *OPEN_OUTCOMES)
# The consumer does not exist: the entry may be corrected and sent again.
CORRECTABLE_OUTCOMES = (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED)


class ResolvedHow(models.TextChoices):
    """How an unknown submission got its outcome. Empty if the vendor's answer gave it."""

    BY_SUPERVISOR = "by_supervisor", _("by a supervisor")
    BY_RECONCILIATION = "by_reconciliation", _("by reconciliation")


class CheckResult(models.TextChoices):
    """The result of the last check of an unknown submission."""

    ONE = "one", _("One new consumer matches")
    NONE = "none", _("No new consumer matches")
    SEVERAL = "several", _("Several new consumers match")
    SHARED = "shared", _("A new consumer matches this submission and another one")
    NOT_PROVEN = "not_proven", _("A consumer matches, but it may have been on the order before")
    BEFORE_PARTIAL = (
        "before_part",
        _("A consumer matches, but the list before the send may have been incomplete"),
    )
    NOW_PARTIAL = "now_part", _("A consumer matches, but the list may be incomplete")
    OTHER_TIME = "other_time", _("A consumer matches, but it was created at another time")
    MISREAD = "misread", _("Sitecore CDP answered about another consumer than the one on the order")
    TOO_MANY = "too_many", _("The whole order could not be read")
    NOT_ALL_READ = "not_all_read", _("Consumers on the order could not be read")
    NOT_COMPARED = "not_compared", _("The submission's own data could not be read")
    FAILED = "failed", _("The order could not be read")


# A consumer matches, but may have been on the order before.
UNCERTAIN_MATCHES = (CheckResult.NOT_PROVEN, CheckResult.BEFORE_PARTIAL, CheckResult.OTHER_TIME)


class Doubt(models.TextChoices):
    """Why the vendor's answer "created" has to be checked by a supervisor."""

    KNOWN_BEFORE = "known_before", _("The answer has a reference that was on the order before the send")
    CLAIMED = "claimed", _("The answer has the reference of another submission")
    ANOTHER_DATA = "another_data", _("The answer has another email address and another passport number")


class ResolutionReason(models.TextChoices):
    """A supervisor's reason for a resolution; codes, so that events may carry them."""

    SEEN_IN_CDP = "seen_in_cdp", _("The consumer is on the order in Sitecore CDP")
    NOT_SEEN_IN_CDP = "not_seen_in_cdp", _("The consumer is not on the order in Sitecore CDP")
    VENDOR_CONFIRMED = "vendor_confirmed", _("Sitecore support confirmed it")
    OTHER = "other", _("Another reason, in the note")


DURATION_OR_ZERO = models.Func(
    models.F("duration_ms"),
    template="COALESCE(%(expressions)s, 0)",
    output_field=models.PositiveIntegerField(),
)
"""The sort key of the duration. The 0 is no parameter: SQLite would not recognise the index's expression."""


class Submission(models.Model):
    """One attempt by a member of staff to create an order consumer. Its page is the receipt.

    The consumer's data are encrypted: a dump of this table shows no personal data of a consumer.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    token = models.UUIDField(unique=True)
    content_digest = models.BinaryField(max_length=32)
    order_ref = models.CharField(max_length=200)
    # The organisation's own number of the order, if it was known before the send.
    order_number = models.CharField(max_length=ORDER_NUMBER_LENGTH, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    actor_name = models.CharField(max_length=200)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.SENDING)
    submitted_at = models.DateTimeField()
    deadline = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    encrypted_consumer = models.BinaryField(blank=True)
    encrypted_answer = models.BinaryField(blank=True)
    consumer_ref = models.CharField(max_length=200, blank=True)
    consumer_href = models.TextField(blank=True)
    order_href = models.TextField(blank=True)
    guest_href = models.TextField(blank=True)
    guest_ref = models.CharField(max_length=200, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    # Why a supervisor has to check a created submission; empty again once it is resolved.
    doubt_code = models.CharField(max_length=20, choices=Doubt, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_field = models.CharField(max_length=60, blank=True)
    # Seconds after the answer that the vendor asked to wait for (Retry-After); null if it did not.
    retry_after = models.PositiveIntegerField(null=True)
    encrypted_vendor_message = models.BinaryField(blank=True)
    # Consumers on the order before the send; null if it could not be read or reconciliation is off.
    refs_before = models.JSONField(null=True)
    # Whether that list is complete: read page by page to its end, and not from a cache.
    refs_before_whole = models.BooleanField(default=False)
    check_count = models.PositiveSmallIntegerField(default=0)
    failed_check_count = models.PositiveSmallIntegerField(default=0)  # consecutive
    next_check_at = models.DateTimeField(null=True)
    check_claimed_at = models.DateTimeField(null=True)  # when a check last began, whatever became of it
    # The result of the check that began last of those that read the order, and when it began. If none has
    # read it, of the last one.
    check_result = models.CharField(max_length=12, choices=CheckResult, blank=True)
    last_check_at = models.DateTimeField(null=True)
    matching_refs = models.JSONField(default=list)  # may be this submission's consumer
    different_refs = models.JSONField(default=list)  # new on the order, but of another person
    unread_refs = models.JSONField(default=list)  # perhaps new on the order, but could not be read
    resolved_how = models.CharField(max_length=20, choices=ResolvedHow, blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    resolved_by_name = models.CharField(max_length=200, blank=True)
    resolution_reason = models.CharField(max_length=20, choices=ResolutionReason, blank=True)
    encrypted_resolution_note = models.BinaryField(blank=True)
    # When the portal read the consumer that a supervisor named; null if it did not.
    consumer_read_at = models.DateTimeField(null=True)
    # The supervisor who is resolving it. It prevents nothing, and lapses after a setting.
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    taken_by_name = models.CharField(max_length=200, blank=True)
    taken_at = models.DateTimeField(null=True)
    # An answer that arrived after a resolution, or, without an outcome, a consumer that a check found then.
    # ``contradicted``: it disagrees with the resolution.
    late_outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    late_consumer_ref = models.CharField(max_length=200, blank=True)
    contradicted = models.BooleanField(default=False)
    resubmission_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    # The batch and the row of it that it was made for, if it was not entered in the form.
    batch = models.UUIDField(null=True)
    batch_row = models.PositiveIntegerField(null=True)

    class Meta:
        default_permissions = ()
        permissions = [
            ("create_order_consumer", "Create order consumers"),
            ("view_own_submissions", "See one's own submissions"),
            ("view_all_submissions", "See everybody's submissions"),
            ("view_vendor_records", "View orders, guests and order consumers of Sitecore CDP"),
            ("resolve_submission", "Resolve unknown submissions"),
            ("export_submissions", "Export submissions"),
            ("export_personal_data", "Export personal data of consumers"),
            ("view_figures", "See figures over all submissions"),
        ]
        indexes = [
            # These two indexes cover the queries of the list, and the first those of the figures, including
            # their filters. The table itself is fifty times as large.
            models.Index(
                fields=["submitted_at", "id", "actor", "outcome", "error_code", "duration_ms"],
                name="submission_newest_first",
            ),
            models.Index(
                fields=["actor", "submitted_at", "id", "outcome", "error_code"],
                name="submission_of_a_person",
            ),
            models.Index(fields=["outcome", "submitted_at", "id"], name="submission_by_outcome"),
            # Covers the list sorted by duration with its filters. PostgreSQL reads an index alone only if it
            # has the columns of its expressions: duration_ms.
            models.Index(
                DURATION_OR_ZERO,
                "id",
                "submitted_at",
                "actor",
                "outcome",
                "error_code",
                "duration_ms",
                name="submission_by_duration",
            ),
            # For the list sorted by duration with a common filter. Without them, SQLite sorts all its rows.
            models.Index("actor", DURATION_OR_ZERO, "id", name="submission_of_person_duration"),
            models.Index("outcome", DURATION_OR_ZERO, "id", name="submission_outcome_duration"),
            models.Index(
                "error_code",
                DURATION_OR_ZERO,
                "id",
                name="submission_reason_duration",
                condition=~Q(error_code=""),
            ),
            models.Index(
                fields=["error_code", "submitted_at", "id"],
                name="submission_by_reason",
                condition=~Q(error_code=""),
            ),
            models.Index(
                fields=["submitted_at", "id"],
                condition=Q(contradicted=True),
                name="submission_contradicted",
            ),
            models.Index(
                fields=["submitted_at", "id"],
                condition=~Q(doubt_code=""),
                name="submission_doubted",
            ),
            # Vendor: references are compared without regard to case. Not partial indexes: from those,
            # PostgreSQL does not estimate how rare a reference is, and scans the table.
            models.Index(Lower("order_ref"), name="submission_of_order"),
            models.Index(Lower("consumer_ref"), name="submission_by_reference"),
            models.Index(Lower("guest_ref"), name="submission_of_guest"),
            models.Index(Lower("late_consumer_ref"), name="submission_by_late_reference"),
            models.Index(
                fields=["next_check_at", "id"],
                condition=Q(next_check_at__isnull=False),
                name="submission_check_due",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(retry_after__isnull=False),
                name="submission_asked_to_wait",
            ),
            models.Index(
                fields=["batch", "submitted_at", "id"],
                condition=Q(batch__isnull=False),
                name="submission_of_batch",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="submission_outcome_is_known", condition=Q(outcome__in=Outcome.values)
            ),
            models.UniqueConstraint(
                name="submission_same_content_open_once",
                fields=["content_digest"],
                condition=Q(outcome__in=["sending", "unknown"]),
            ),
            models.UniqueConstraint(
                # Vendor: references are compared without regard to case.
                Lower("consumer_ref"),
                name="submission_claimed_reference_once",
                condition=~Q(resolved_how="") & ~Q(consumer_ref=""),
            ),
            models.CheckConstraint(
                name="submission_late_reference_after_resolution",
                condition=Q(late_consumer_ref="", late_outcome="", contradicted=False) | ~Q(resolved_how=""),
            ),
            models.CheckConstraint(
                name="submission_finished_unless_sending",
                condition=Q(outcome="sending", finished_at__isnull=True)
                | (~Q(outcome="sending") & Q(finished_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="submission_reference_exactly_when_created",
                condition=(Q(outcome="created") & ~Q(consumer_ref=""))
                | (~Q(outcome="created") & Q(consumer_ref="")),
            ),
            models.CheckConstraint(
                name="submission_doubted_only_where_created",
                condition=Q(doubt_code="")
                | Q(
                    doubt_code__in=["known_before", "claimed", "another_data"],
                    outcome="created",
                    resolved_how="",
                ),
            ),
            models.CheckConstraint(
                name="submission_list_is_whole_only_where_read",
                condition=Q(refs_before_whole=False) | Q(refs_before__isnull=False),
            ),
            models.CheckConstraint(
                name="submission_failure_says_why",
                condition=~Q(outcome__in=["rejected", "not_sent", "unknown"]) | ~Q(error_code=""),
            ),
            models.CheckConstraint(
                name="submission_rejected_by_an_answer",
                condition=~Q(outcome="rejected") | Q(http_status__isnull=False),
            ),
            models.CheckConstraint(
                name="submission_not_sent_has_no_answer",
                condition=~Q(outcome="not_sent") | Q(http_status__isnull=True),
            ),
            models.CheckConstraint(
                name="submission_resolved_completely",
                condition=Q(
                    resolved_how="", resolved_at__isnull=True, resolution_reason="", resolved_by__isnull=True
                )
                | (
                    Q(resolved_how="by_supervisor", resolved_at__isnull=False, resolved_by__isnull=False)
                    & ~Q(resolution_reason="")
                    & Q(outcome__in=["created", "not_created"])
                )
                # No check proves absence.
                | Q(
                    resolved_how="by_reconciliation",
                    resolved_at__isnull=False,
                    resolution_reason="",
                    outcome="created",
                ),
            ),
            models.CheckConstraint(
                name="submission_read_only_when_marked_created",
                condition=Q(consumer_read_at__isnull=True)
                | Q(resolved_how="by_supervisor", outcome="created"),
            ),
            models.CheckConstraint(
                name="submission_taken_completely",
                condition=Q(taken_by__isnull=True, taken_at__isnull=True, taken_by_name="")
                | Q(taken_by__isnull=False, taken_at__isnull=False),
            ),
            models.CheckConstraint(
                name="submission_check_due_only_while_unknown",
                condition=Q(next_check_at__isnull=True) | Q(outcome="unknown"),
            ),
            models.CheckConstraint(
                name="submission_of_a_batch_names_its_row",
                condition=Q(batch__isnull=True, batch_row__isnull=True)
                | Q(batch__isnull=False, batch_row__isnull=False),
            ),
            models.CheckConstraint(
                name="submission_not_created_is_resolved",
                condition=~Q(outcome="not_created") | ~Q(resolved_how=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def consumer(self) -> NewConsumer | None:
        """The consumer that was sent; None if it was erased or cannot be read."""
        sent = personal_data.readable_text(self, "encrypted_consumer")
        return NewConsumer.from_json(json.loads(sent)) if sent else None

    @consumer.setter
    def consumer(self, consumer: NewConsumer) -> None:
        self.encrypted_consumer = _encrypted_json(self, "encrypted_consumer", consumer)

    @property
    def is_erased(self) -> bool:
        """Whether consumer and digest were erased. One alone is empty only if the database was changed."""
        return not self.encrypted_consumer and not self.content_digest

    @property
    def answer(self) -> OrderConsumer | None:
        """The consumer that the vendor returned; None without a readable answer, or as for ``consumer``."""
        returned = personal_data.readable_text(self, "encrypted_answer")
        return OrderConsumer.from_json(json.loads(returned)) if returned else None

    @answer.setter
    def answer(self, answer: OrderConsumer) -> None:
        self.encrypted_answer = _encrypted_json(self, "encrypted_answer", answer)

    @property
    def vendor_message(self) -> str:
        """The vendor's ``message``. Personal data, because it may quote what was sent."""
        return personal_data.readable_text(self, "encrypted_vendor_message")

    @property
    def is_resolved(self) -> bool:
        """Whether reconciliation or a supervisor set the outcome, instead of the vendor's answer."""
        return bool(self.resolved_how)

    @property
    def needs_resolution(self) -> bool:
        """Whether a supervisor has to decide: unknown, contradicted since, or doubted."""
        return self.outcome == Outcome.UNKNOWN or self.contradicted or bool(self.doubt_code)

    @property
    def is_sent_again_by_list(self) -> bool:
        """Whether it is a row that was answered "too many requests", which its list sends again."""
        return bool(self.batch) and self.error_code == ErrorCode.RATE_LIMITED

    @property
    def known_outcome(self) -> Outcome:
        """The outcome; unknown if the consumer was resolved as not created and something contradicts that."""
        if self.contradicted and self.outcome == Outcome.NOT_CREATED:
            return Outcome.UNKNOWN
        return Outcome(self.outcome)

    @property
    def is_open(self) -> bool:
        """Whether it is being sent, or it is unknown whether its consumer exists."""
        return self.known_outcome in OPEN_OUTCOMES

    @property
    def is_found_late(self) -> bool:
        """Whether a check, and not a late answer, found the late consumer reference."""
        return bool(self.late_consumer_ref) and self.late_outcome != Outcome.CREATED

    @property
    def is_late_ref_of_before(self) -> bool:
        """Whether a late answer's reference was on the order before the send."""
        return any(same_reference(self.late_consumer_ref, ref) for ref in self.refs_before or [])

    @property
    def resolution_note(self) -> str:
        """The supervisor's note on the resolution."""
        return personal_data.readable_text(self, "encrypted_resolution_note")


def _encrypted_json(
    row: Submission, column: str, consumer: NewConsumer | OrderConsumer, *, or_own_key: bool = False
) -> bytes:
    text = json.dumps(consumer.to_json(), ensure_ascii=False)
    return personal_data.encrypted(row, column, text, or_own_key=or_own_key)


def answer_columns(
    submission: Submission, consumer: OrderConsumer, *, or_own_key: bool = False
) -> dict[str, Any]:
    """The columns and values that store an order consumer returned by the vendor.

    ``or_own_key``: as for ``encryption.encrypt``, with the same error.
    """
    return {
        "encrypted_answer": _encrypted_json(submission, "encrypted_answer", consumer, or_own_key=or_own_key),
        "consumer_ref": consumer.ref,
        "consumer_href": consumer.href,
        "order_href": consumer.order_href,
        "guest_href": consumer.guest_href,
        "guest_ref": consumer.guest_ref,
    }
