"""Heartbeats, clocks of machines, keys and their rotation, and counted acts."""

from __future__ import annotations

from django.db import models

from apps.core import clock


class Heartbeat(models.Model):
    """When a worker or web process was last running; one row for each process."""

    process = models.CharField(max_length=200, primary_key=True)  # kind:folder or host:host:process id
    seen_at = models.DateTimeField(db_index=True)
    failing = models.CharField(max_length=200, blank=True)  # duties that failed since its last heartbeat
    waiting_files = models.PositiveIntegerField(default=0)  # in the spool of its machine
    keys = models.JSONField(default=list)  # labels of the keys that the process has

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
    retired_at = models.DateTimeField(null=True)  # since then the database does not need the key

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "fingerprint"], name="core_key_fingerprint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint[:16]}"


class KeyInUse(models.Model):
    """The key of a kind that every process writes with (``core.keys_in_use``)."""

    kind = models.CharField(max_length=20, primary_key=True)  # the name of a KeyKind
    fingerprint = models.CharField(max_length=64)  # hex digits
    since = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint[:16]}"


class KeyRewriting(models.Model):
    """The progress of writing one model's rows again, with the key of a kind that was put to use last.

    Rows up to the primary key ``position`` are finished; ``last`` is the end, null before the beginning.
    """

    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=100)  # its label, such as consumers.Submission
    fingerprint = models.CharField(max_length=64)  # of the key in use
    position = models.BigIntegerField(default=0)
    last = models.BigIntegerField(null=True)
    rows = models.PositiveBigIntegerField(default=0)  # when it began
    done = models.PositiveBigIntegerField(default=0)  # rows, including those that cannot be read
    unreadable = models.PositiveBigIntegerField(default=0)  # rows that cannot be read and were not changed
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "model"], name="core_key_rewriting_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.model}"


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
