"""Signs of life of the processes that nobody sees."""

from __future__ import annotations

from django.db import models

from apps.core import clock


class SignOfLife(models.Model):
    """When a process was last known to be at work; one row for each process."""

    process = models.CharField(max_length=200, primary_key=True)  # kind:place:host:number
    seen_at = models.DateTimeField(db_index=True)
    failing = models.CharField(max_length=200, blank=True)  # duties that failed in its last round
    waiting_files = models.PositiveIntegerField(default=0)  # in the spool of its machine

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.process


class MachineClock(models.Model):
    """How the clock of a machine differs from the database's, as one of its processes measured last."""

    machine = models.CharField(max_length=200, primary_key=True)  # the host's name
    ahead = models.FloatField()  # seconds; negative where it is behind
    measured_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.machine


class KeyFingerprint(models.Model):
    """A key that this database accepts, by a fingerprint from which nobody can compute the key."""

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
    """One act that counts towards a limit (``core.limits``), until it expires. Keys are keyed digests."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["key", "at"], name="core_limited_acts")]

    def __str__(self) -> str:
        return self.key
