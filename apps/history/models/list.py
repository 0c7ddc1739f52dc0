"""What people have saved for the list: its columns, and views of it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class ListColumns(models.Model):
    """The columns of the list that a person has chosen, in order. One row per person."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    keys = models.JSONField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"columns of {self.pk}"


class SavedView(models.Model):
    """Filters, order and columns of the list under a name, for one person or for everyone with a role.

    It has no search for personal data: a name is chosen freely, and the filters are parameters of addresses.
    """

    MOST_WARNED = 1_000

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    role = models.CharField(max_length=40, blank=True)
    query = models.JSONField()  # parameters of the list's address: name to values; relative periods by name
    columns = models.JSONField()  # keys, in order
    is_default = models.BooleanField(default=False)  # opens instead of the unfiltered list
    warn_above = models.PositiveSmallIntegerField(null=True)  # the start page counts it and warns above

    class Meta:
        default_permissions = ()
        permissions = [("share_views", "Save views of submissions for a role")]
        constraints = [
            models.CheckConstraint(
                name="view_of_a_person_or_of_a_role",
                condition=Q(owner__isnull=False, role="") | (Q(owner__isnull=True) & ~Q(role="")),
            ),
            models.UniqueConstraint(
                name="view_name_once_for_a_person", fields=["owner", "name"], condition=Q(owner__isnull=False)
            ),
            models.UniqueConstraint(
                name="view_name_once_for_a_role", fields=["role", "name"], condition=~Q(role="")
            ),
            models.UniqueConstraint(
                name="view_default_once_for_a_person",
                fields=["owner"],
                condition=Q(owner__isnull=False, is_default=True),
            ),
            models.UniqueConstraint(
                name="view_default_once_for_a_role",
                fields=["role"],
                condition=~Q(role="") & Q(is_default=True),
            ),
            models.CheckConstraint(
                name="view_warns_above_a_number_that_is_counted",
                condition=Q(warn_above__isnull=True) | Q(warn_above__lte=1_000),
            ),
        ]

    def __str__(self) -> str:
        return self.name
