"""The rows of the audit log and the head of its chain.

Rows stand alone: names, roles and references are text, there is no foreign key, nothing cascades.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AppendOnlyError(TypeError):
    """Somebody tried to write, change or delete a row of the audit log past ``audit.services.record``."""

    def __init__(self) -> None:
        super().__init__("The audit log is written by audit.services.record alone and never changed")


class SequenceField(models.BigIntegerField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A 64-bit primary key that on SQLite is the row id itself.

    Only a column of type INTEGER is (sqlite.org/rowidtable.html). Beside any other type SQLite keeps a
    second, hidden row id, and ``INSERT OR REPLACE`` with that one would delete a row without a trigger.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


def _reference() -> models.CharField[str | None, str | None]:
    # NULL, not "", where there is none: the partial indexes below leave those rows out, and both databases
    # see by themselves that `order_ref = 'x'` implies `order_ref IS NOT NULL`.
    return models.CharField(max_length=200, null=True, editable=False)


def _index_of(name: str) -> models.Index:
    return models.Index(
        fields=[name, "seq"], name=f"audit_{name}_seq", condition=Q(**{f"{name}__isnull": False})
    )


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Rows to read. Everything that writes is refused before the database refuses it."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    # The asynchronous twins call these.
    create = get_or_create = update_or_create = bulk_create = bulk_update = _refuse
    update = delete = _update = _raw_delete = _insert = _refuse


class AuditEvent(models.Model):
    """One line of the audit log. ``hash`` follows from the other fields, see :mod:`apps.audit.chain`."""

    seq = SequenceField(primary_key=True, editable=False)
    format = models.SmallIntegerField(editable=False)
    # Microseconds since 1970 in UTC: the same number in and out of both databases, and in the hash.
    time = models.BigIntegerField(editable=False)
    action = models.CharField(max_length=100, editable=False)
    failure = models.BooleanField(editable=False)
    actor_id = _reference()
    actor_name = models.CharField(max_length=200, editable=False)
    actor_roles = models.CharField(max_length=1100, editable=False)  # codes with commas between
    request_id = _reference()
    peer_address = models.CharField(max_length=200, editable=False)
    client_address = _reference()
    submission = _reference()
    order_ref = _reference()
    consumer_ref = _reference()
    guest_ref = _reference()
    person = _reference()
    # JSON as text, not a JSONField: PostgreSQL's jsonb does not give back the bytes that were hashed.
    data = models.TextField(editable=False)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        db_table = "audit_event"
        base_manager_name = "objects"
        default_permissions = ()
        permissions = [
            ("view_log", _("Can read the audit log")),
            ("verify_log", _("Can verify the audit log")),
        ]
        constraints = [
            # As a constraint, not unique=True, which on PostgreSQL adds a second index for LIKE. The previous
            # hash needs none: the trigger demands the hash of the last row, so it is unique when hashes are.
            models.UniqueConstraint(fields=["hash"], name="audit_event_hash_unique"),
        ]
        # One for each filter, ending in the sequence, so that a page is a range of an index at any size.
        # Times and sequence rise together, so a span of time is two look-ups and then a span of sequences.
        indexes = [
            models.Index(fields=["time", "seq"], name="audit_time_seq"),
            models.Index(fields=["action", "seq"], name="audit_action_seq"),
            models.Index(fields=["seq"], name="audit_failure_seq", condition=Q(failure=True)),
            *map(
                _index_of,
                (
                    "actor_id",
                    "request_id",
                    "client_address",
                    "submission",
                    "order_ref",
                    "consumer_ref",
                    "guest_ref",
                    "person",
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    @property
    def at(self) -> datetime:
        """When it happened, in UTC, exact to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.time)

    @property
    def details(self) -> dict[str, Any]:
        """The values that the action carries, parsed."""
        details: dict[str, Any] = json.loads(self.data)
        return details


class AuditHead(models.Model):
    """The end of the chain, in one row: what the next writer locks and links to."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField()
    time = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_head"
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_head_one_row")]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"
