"""Facts to be told: a small row each. Which package tells of which stands in the settings."""

from __future__ import annotations

from django.db import models


class _Fact(models.Model):
    order_ref = models.CharField(max_length=200)
    consumer_ref = models.CharField(max_length=200)
    outcome = models.CharField(max_length=20)
    http_status = models.IntegerField()

    class Meta:
        abstract = True
        default_permissions = ()

    def __str__(self) -> str:
        return self.order_ref


class Fact(_Fact):
    """Told by nobody, by a bare INSERT, or by the portal's audit log."""


class FactOfAuditlog(_Fact):
    """Told by django-auditlog."""


class FactOfEasyAudit(_Fact):
    """Told by django-easy-audit."""
