"""The order of columns of a person's spreadsheets."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PasteColumns(models.Model):
    """Which fields the columns of a row without headers go to, for one person and number of columns.

    ``targets`` are names of fields, or empty texts; never values of a consumer.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    column_count = models.PositiveSmallIntegerField()
    targets = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["person", "column_count"], name="paste_columns_once"),
        ]

    def __str__(self) -> str:
        return f"{self.column_count} columns"
