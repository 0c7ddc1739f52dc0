"""Facts to be logged: a small row each. The settings assign a package to each model."""

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
    """Logged by nothing, by a bare INSERT, or by the portal's audit log."""


class FactOfAuditlog(_Fact):
    """Logged by django-auditlog."""


class FactOfEasyAudit(_Fact):
    """Logged by django-easy-audit."""
