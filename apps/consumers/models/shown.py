"""An index of the audit log: which events showed a submission, or carry a reference or a search.

The log is the record, and it alone decides what an event showed; these rows only find the events that can
have. They are written in the transaction of the event, contain no personal data, and may name events whose
retention period is over.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

SEVERAL = 0
"""The owner of a range whose submissions are of several people, or unknown."""
UNBOUNDED = 2**53 - 1
"""The end of a range that is not known yet: of an export that is being made."""
WIDEST = 128
"""Maximum width of a range of :data:`SEVERAL` from a list, which is split where it has larger gaps."""


def level_of(first: int, last: int) -> int:
    """The level of a range. A range of level n with a submission begins less than 2^n numbers before it."""
    return (last - first).bit_length()


class ShownRange(models.Model):
    """The submissions from ``first`` to ``last`` (row numbers) of which an event showed some, or all.

    ``owner``: the person who submitted all of them, or :data:`SEVERAL`. ``level``: so that the ranges around
    a submission are found without reading those that only begin before it: see :func:`level_of`.
    """

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField()
    owner = models.BigIntegerField(default=SEVERAL)
    level = models.SmallIntegerField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["owner", "level", "first", "last", "seq"], name="shown_range_around"),
            models.Index(fields=["seq"], name="shown_range_unbounded", condition=Q(last=UNBOUNDED)),
            # For queries and deletions by event.
            models.Index(fields=["seq"], name="shown_range_seq"),
        ]
        constraints = [
            models.CheckConstraint(name="shown_range_in_order", condition=Q(first__lte=models.F("last")))
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.first}-{self.last}"


class ShownKey(models.Model):
    """A record or a search that an event names: ``key`` is its kind and its reference or id.

    Such as ``consumer:`` with the key of a consumer's reference (``apps.core.references.reference_key``).
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=220)
    seq = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(name="shown_key_once", fields=["key", "seq"])]

    def __str__(self) -> str:
        return f"{self.seq} {self.key}"
