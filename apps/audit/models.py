"""The rows of the audit log and the head of its chain.

Rows are self-contained: names, roles and references are text, without foreign keys, so nothing cascades.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, NoReturn, Self

from django.db import OperationalError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core import clock


class AppendOnlyError(TypeError):
    """Code other than ``audit.recording.record`` tried to write, change or delete a row of the audit log."""

    def __init__(self) -> None:
        super().__init__("The audit log is written by audit.recording.record alone and never changed")


class SequenceField(models.BigIntegerField):  # type: ignore[type-arg]  # generic in the stubs alone
    """A 64-bit primary key that is the row id on SQLite.

    SQLite uses only a column of type INTEGER as the row id (sqlite.org/rowidtable.html). With any other type
    there is a second, hidden row id, and ``INSERT OR REPLACE`` with it would delete a row without a trigger.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


def _reference() -> models.CharField[str | None, str | None]:
    # NULL instead of "": the partial indexes below exclude these rows, and both databases infer from
    # `order_ref = 'x'` that `order_ref IS NOT NULL`.
    return models.CharField(max_length=200, null=True, editable=False)


def _index_of(name: str) -> models.Index:
    return models.Index(
        fields=[name, "seq"], name=f"audit_{name}_seq", condition=Q(**{f"{name}__isnull": False})
    )


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Read-only rows. Every write raises :class:`AppendOnlyError` before it reaches the database."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    # The asynchronous variants call these.
    create = get_or_create = update_or_create = bulk_create = bulk_update = _refuse
    update = delete = _update = _raw_delete = _insert = _refuse

    def _fetch_all(self) -> None:
        # SQLite stores any bytes as text. A page must show such a row instead of failing.
        try:
            super()._fetch_all()
        except OperationalError as error:
            raw = connections[self.db].connection
            if not isinstance(raw, sqlite3.Connection) or "decode" not in str(error):
                raise
            strict, raw.text_factory = raw.text_factory, _text_of
            try:
                super()._fetch_all()
            finally:
                raw.text_factory = strict


class AuditEvent(models.Model):
    """One event of the audit log.

    ``hash`` is computed from the fields before it, see :mod:`apps.audit.chain`; ``mac`` from the hash, with
    the key ``mac_key``, see :mod:`apps.audit.macs`.
    """

    seq = SequenceField(primary_key=True, editable=False)
    format = models.SmallIntegerField(editable=False)
    # Microseconds since 1970 in UTC: an integer, identical in both databases and in the hash.
    time = models.BigIntegerField(editable=False)
    action = models.CharField(max_length=100, editable=False)
    failure = models.BooleanField(editable=False)
    actor_id = _reference()
    actor_name = models.CharField(max_length=200, editable=False)
    actor_roles = models.CharField(max_length=1100, editable=False)  # comma-separated codes
    session = _reference()  # of the actor's sign-in, see apps.core.actor
    request_id = _reference()
    peer_address = models.CharField(max_length=200, editable=False)
    client_address = _reference()
    submission = _reference()
    order_ref = _reference()
    consumer_ref = _reference()
    guest_ref = _reference()
    person = _reference()
    # JSON as text, not a JSONField: PostgreSQL's jsonb does not preserve the hashed bytes.
    data = models.TextField(editable=False)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    # Not part of the canonical bytes: see apps.audit.macs.
    mac_key = models.CharField(max_length=16, editable=False)
    mac = models.CharField(max_length=64, editable=False)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        db_table = "audit_event"
        base_manager_name = "objects"
        default_permissions = ()
        permissions = [
            ("view_log", _("Can read the audit log")),
            ("verify_log", _("Can verify the audit log")),
            ("report_access", _("Can report who saw a person's data")),
        ]
        constraints = [
            # A constraint instead of unique=True, which adds a second index for LIKE on PostgreSQL. The
            # previous hash needs no constraint: the trigger requires it to be the last row's hash.
            models.UniqueConstraint(fields=["hash"], name="audit_event_hash_unique"),
        ]
        # One index per filter, ending with the sequence number, so that a page is a range scan at any size.
        # Sequence numbers increase with time: two queries turn a range of time into a range of numbers.
        indexes = [
            models.Index(fields=["time", "seq"], name="audit_time_seq"),
            models.Index(fields=["action", "seq"], name="audit_action_seq"),
            models.Index(fields=["seq"], name="audit_failure_seq", condition=Q(failure=True)),
            *map(
                _index_of,
                (
                    "actor_id",
                    "session",
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

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        """Create an instance from a row; bytes, which SQLite can store in any column, become text."""
        shown = [_text_of(value) if isinstance(value, bytes) else value for value in values]
        return super().from_db(db, field_names, shown, **options)

    @property
    def at(self) -> datetime | None:
        """Time of the event in UTC, with microseconds; None if it is outside the calendar.

        The portal never writes such a time, but a page must show an altered row instead of failing.
        """
        try:
            moment = clock.from_microseconds(self.time)
        except (TypeError, OverflowError):
            return None
        return moment if MINYEAR < moment.year < MAXYEAR else None

    @property
    def details(self) -> dict[str, Any]:
        """The parsed ``data``; empty if not :attr:`is_readable`."""
        return _values_of(self.data) or {}

    @property
    def is_readable(self) -> bool:
        """Whether ``data`` can be parsed. If not, it was altered."""
        return _values_of(self.data) is not None


def _values_of(data: str) -> dict[str, Any] | None:
    """The values by key, plain or in lists as an event allows; None for anything else."""
    try:
        values = json.loads(data)
        json.dumps(values, ensure_ascii=False).encode()  # raises for a lone surrogate, which no page can show
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    every = (one for value in values.values() for one in (value if isinstance(value, list) else [value]))
    return None if any(isinstance(one, dict | list) for one in every) else values


def _text_of(stored: bytes) -> str:
    """Decode bytes as UTF-8, with invalid bytes escaped in hexadecimal."""
    return stored.decode("utf-8", "backslashreplace")


class AuditHead(models.Model):
    """The end of the chain, in one row, which the next writer locks and links to."""

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
