"""Notices and their deliveries."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core import clock

CHANNEL_OFF = "channel_off"
"""The problem of a delivery that was given up because its channel was switched off."""


class Channel(models.TextChoices):
    """How notices are sent."""

    MAIL = "mail", _("Mail")
    HOOK = "hook", _("Web hook")


class About(models.TextChoices):
    """What a delivery reports: that a cause exists, or that it ended."""

    OPENED = "opened", _("Opened")
    ENDED = "ended", _("Ended")


class State(models.TextChoices):
    """The state of a delivery. WAITING: for its first or its next attempt."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    GIVEN_UP = "given_up", _("Given up")


class WatchedCause(models.Model):
    """Since when a cause is watched. What happened before is not reported."""

    cause = models.CharField(max_length=40, primary_key=True)
    since = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.cause


class Notice(models.Model):
    """One cause, from its beginning to its end. ``cause`` and ``key`` are its identity while it is open."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    cause = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    facts = models.JSONField(default=dict)  # references, codes and numbers (causes.Fact)
    path = models.CharField(max_length=200)  # of the page that shows more
    opened_at = models.DateTimeField()
    gone_since = models.DateTimeField(null=True)  # not found since then, and not ended yet
    ended_at = models.DateTimeField(null=True)
    momentary = models.BooleanField(default=False)  # ended as it began, such as a sign-in

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["ended_at"], name="notice_by_end")]
        constraints = [
            models.UniqueConstraint(
                name="notice_open_once", fields=["cause", "key"], condition=Q(ended_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="notice_momentary_once", fields=["cause", "key"], condition=Q(momentary=True)
            ),
            models.CheckConstraint(
                name="notice_momentary_has_ended",
                condition=Q(momentary=False) | Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class Delivery(models.Model):
    """One notice over one channel, and the result of its last attempt.

    ``due_at`` is also the lease: an attempt sets it ahead, so that no other process sends meanwhile.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)  # the receiver's id of it
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel)
    about = models.CharField(max_length=10, choices=About)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)  # begun
    first_tried_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)  # when the last attempt began
    # Why the last one failed: a code, with the name of the setting if one cannot be used.
    problem = models.CharField(max_length=40, blank=True)
    finished_at = models.DateTimeField(null=True)  # sent or given up

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["channel", "due_at", "id"], name="delivery_waiting", condition=Q(state="waiting")
            ),
            models.Index(fields=["channel", "state", "-finished_at"], name="delivery_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="delivery_once_over_a_channel", fields=["notice", "channel", "about"]
            ),
            models.CheckConstraint(name="delivery_channel_is_known", condition=Q(channel__in=Channel.values)),
            models.CheckConstraint(name="delivery_is_about_a_side", condition=Q(about__in=About.values)),
            models.CheckConstraint(
                name="delivery_due_exactly_while_waiting",
                condition=Q(state="waiting", due_at__isnull=False, finished_at__isnull=True)
                | Q(state__in=["sent", "given_up"], due_at__isnull=True, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)
