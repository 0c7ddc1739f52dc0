"""Heartbeats, clocks of machines, accepted keys, and counted acts."""

from __future__ import annotations

from django.db import models

from apps.core import clock


class Heartbeat(models.Model):
    """When a background process was last running; one row for each process."""

    process = models.CharField(max_length=200, primary_key=True)  # kind:place:host:number
    seen_at = models.DateTimeField(db_index=True)
    failing = models.CharField(max_length=200, blank=True)  # duties that failed in its last round
    waiting_files = models.PositiveIntegerField(default=0)  # in the spool of its machine

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.process


class MachineClock(models.Model):
    """How far a machine's clock differs from the database's, as last measured by one of its processes."""

    machine = models.CharField(max_length=200, primary_key=True)  # the host's name
    ahead = models.FloatField()  # seconds; negative if the clock is behind
    measured_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.machine


class KeyFingerprint(models.Model):
    """The fingerprint of a key that this database accepts. The key cannot be computed from it."""

    kind = models.CharField(max_length=20)  # the name of a KeyKind
    fingerprint = models.CharField(max_length=64)  # hex digits
    registered_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "fingerprint"], name="core_key_fingerprint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint[:16]}"


class LimitedAct(models.Model):
    """One act that counts towards a limit (``core.limits``) until it expires. ``key`` is a keyed digest."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["key", "at"], name="core_limited_acts")]

    def __str__(self) -> str:
        return self.key
