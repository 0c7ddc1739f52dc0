"""Remove the oldest rows of the audit log so that the rest can still be verified.

Rows are removed up to a signed checkpoint, in two steps. First a new checkpoint states with which sequence
number the log begins from now on; then the earlier rows are deleted. So a row is deleted only after a
signature has released it, and the next run completes an interrupted one.

Only this module disables the trigger that rejects DELETE. It does so inside the deleting transaction: no
other session sees the table without the trigger, and it is restored however the process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.audit.audit_events import AUDIT_RETENTION_APPLIED, AUDIT_RETENTION_DECIDED
from apps.audit.events import Event, Value
from apps.audit.integrity.checkpoints import Beginning
from apps.audit.integrity.own_checkpoints import last_own_checkpoint, own_checkpoints
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import GOOD, verify
from apps.audit.models import AuditEvent
from apps.audit.recording import lock_head, record
from apps.audit.registry import EventType
from apps.audit.triggers import TABLE, install_triggers, missing_triggers
from apps.core import clock
from apps.core.actor import Actor

DELETE_TRIGGER: Final = "audit_event_no_delete"
_MICROSECONDS_A_DAY: Final = 24 * 60 * 60 * 1_000_000


_INDEXES: list[Callable[[int], None]] = []


def register_index(delete_before: Callable[[int], None]) -> None:
    """Register what deletes the rows of an index of the log about events before a sequence number.

    Called once the app registry is ready. It is called after each removal, outside its transaction.
    """
    _INDEXES.append(delete_before)


class RetentionError(Exception):
    """Nothing was deleted. The message gives the reason, for the operator."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The rows ``first`` to ``last``, covered by a signed checkpoint with this hash."""

    first: int
    last: int
    hash: str

    @property
    def rows(self) -> int:
        return self.last - self.first + 1

    @property
    def new_beginning(self) -> Beginning:
        """The beginning of the log after the removal."""
        return Beginning(self.last + 1, self.hash)


def sequence_before(days: int) -> int:
    """The sequence number of the last event that is at least ``days`` old; 0 if there is none."""
    before = clock.microseconds() - days * _MICROSECONDS_A_DAY
    events = AuditEvent.objects.filter(time__lte=before).order_by("-time", "-seq")
    return events.values_list("seq", flat=True).first() or 0


def plan(up_to: int) -> Removal | None:
    """The removal of everything up to the last signed checkpoint at or before ``up_to``; None for nothing.

    Raises :class:`RetentionError` if the log was altered or the database role may not delete.
    """
    _require_table_owner()
    first = _first_row()
    if _signed_beginning() > first:  # an earlier run was interrupted
        return _removal_of(first, _signed_beginning() - 1)
    result = verify()
    if result.verdict not in GOOD:
        raise RetentionError(f"The log is not what was written ({result.verdict.value}, event {result.seq})")
    signed = [checkpoint.seq for checkpoint in own_checkpoints() if first <= checkpoint.seq <= up_to]
    return _removal_of(first, max(signed)) if signed else None


def apply(removal: Removal, actor: Actor) -> None:
    """Sign the new beginning of the log, then delete the rows.

    Raises :class:`RetentionError`, the errors of :func:`apps.audit.integrity.signing.sign_checkpoint`, and
    the database's. All other writes of the portal wait while the rows are deleted.
    """
    if _signed_beginning() <= removal.first:
        _sign_new_beginning(removal, actor)
    _delete(removal, actor)
    for delete_before in _INDEXES:  # after an interruption, the next removal deletes these rows, too
        delete_before(removal.last + 1)


def _sign_new_beginning(removal: Removal, actor: Actor) -> None:
    _record(AUDIT_RETENTION_DECIDED, removal, actor)
    for _attempt in range(3):  # a worker may sign first; its own event can then be signed
        if sign_checkpoint(actor, beginning=removal.new_beginning) is not None:
            return
    raise RetentionError("The checkpoint could not be signed: others sign all the time")


def _delete(removal: Removal, actor: Actor) -> None:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            lock_head(cursor)
            if _signed_beginning() != removal.last + 1 or _first_row() != removal.first:
                raise RetentionError("Another process is removing rows")
            _disable_delete_trigger(cursor)
            cursor.execute("DELETE FROM audit_event WHERE seq <= %s", [removal.last])
            deleted = cursor.rowcount
        install_triggers(connection)
        if deleted != removal.rows or missing_triggers(connection):
            raise RetentionError(f"{deleted} rows instead of {removal.rows}, or a trigger is missing")
        _record(AUDIT_RETENTION_APPLIED, removal, actor)


def _disable_delete_trigger(cursor: CursorWrapper) -> None:
    if connection.vendor == "sqlite":
        cursor.execute(f"DROP TRIGGER {DELETE_TRIGGER}")
    else:  # DROP would take a lock that blocks readers
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER {DELETE_TRIGGER}")


def _record(event_type: EventType, removal: Removal, actor: Actor) -> None:
    data: dict[str, Value] = {
        "first": removal.first,
        "last": removal.last,
        "rows": removal.rows,
        "hash": removal.hash,
    }
    with transaction.atomic():
        record(Event(event_type, actor, data=data))


def _removal_of(first: int, last: int) -> Removal:
    """The removal up to the checkpoint at ``last``. Raises if its row or the next one does not match it."""
    signed = next((checkpoint for checkpoint in own_checkpoints() if checkpoint.seq == last), None)
    own = AuditEvent.objects.filter(seq=last).values_list("hash", flat=True).first()
    next_link = AuditEvent.objects.filter(seq=last + 1).values_list("previous_hash", flat=True).first()
    if signed is None or own != signed.hash or next_link != signed.hash:
        raise RetentionError(f"The checkpoint at event {last} does not fit the log")
    return Removal(first, last, signed.hash)


def _signed_beginning() -> int:
    """The first sequence number of the log according to the last checkpoint."""
    last = last_own_checkpoint()
    return last.first if last else 1


def _first_row() -> int:
    """The sequence number of the first stored row; 1 in an empty log."""
    return AuditEvent.objects.order_by("seq").values_list("seq", flat=True).first() or 1


def _require_table_owner() -> None:
    """Raise unless the database role owns the table: only the owner can disable its triggers."""
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)",
            [TABLE],
        )
        if cursor.fetchone() != (True,):
            raise RetentionError(f"Run this with the database role that owns the table {TABLE}")
