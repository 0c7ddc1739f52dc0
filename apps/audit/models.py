"""The rows of the audit log and the head of its chain.

Rows stand alone: names, roles and references are text, there is no foreign key, nothing cascades.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, NoReturn, Self

from django.db import OperationalError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AppendOnlyError(TypeError):
    """A row of the audit log was to be written, changed or deleted past ``audit.recording.record``."""

    def __init__(self) -> None:
        super().__init__("The audit log is written by audit.recording.record alone and never changed")


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

    def _fetch_all(self) -> None:
        # SQLite keeps any bytes as text. Such a row has to be seen, not to take a page away from others.
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

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        """A row as pages can show it: SQLite keeps bytes in a column of any type, and those become text."""
        shown = [_text_of(value) if isinstance(value, bytes) else value for value in values]
        return super().from_db(db, field_names, shown, **options)

    @property
    def at(self) -> datetime | None:
        """When it happened, in UTC, exact to the microsecond; None for what no calendar of any zone has.

        The portal writes no such time. Whoever has changed a row must not take the page away that shows it.
        """
        try:
            moment = _EPOCH + timedelta(microseconds=self.time)
        except (TypeError, OverflowError):
            return None
        return moment if MINYEAR < moment.year < MAXYEAR else None

    @property
    def details(self) -> dict[str, Any]:
        """The values that the action carries, parsed; empty where :attr:`is_readable` says so."""
        return _values_of(self.data) or {}

    @property
    def is_readable(self) -> bool:
        """Whether what the action carries can be read. If not, somebody has changed it."""
        return _values_of(self.data) is not None


def _values_of(data: str) -> dict[str, Any] | None:
    """Plain values and lists of them by name, as an event takes them; None for everything else."""
    try:
        values = json.loads(data)
        json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair fits into no page
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    every = (one for value in values.values() for one in (value if isinstance(value, list) else [value]))
    return None if any(isinstance(one, dict | list) for one in every) else values


def _text_of(stored: bytes) -> str:
    """Bytes as text; what is not UTF-8 is written in hexadecimal."""
    return stored.decode("utf-8", "backslashreplace")


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
