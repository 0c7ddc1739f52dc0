"""The oldest rows of the audit log go, and what stays still verifies.

Only up to a signed checkpoint, in two steps. First a new checkpoint says with which sequence the log begins
from now on; then the rows before that one are deleted. So no row is ever deleted that a signature has not
given up before, and a run that was interrupted between the two is finished by the next one.

This is the one place of the product that takes the trigger off that refuses DELETE: inside the transaction
that deletes, so nobody else ever sees the table without it, and whatever ends the process leaves it standing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.audit.audit_events import AUDIT_RETENTION_APPLIED, AUDIT_RETENTION_DECIDED
from apps.audit.events import Event, Value
from apps.audit.integrity import checkpoints
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
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


class RetentionError(Exception):
    """Nothing was deleted. The text says why, for whoever runs the command."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The rows from ``first`` to ``last``, which a signed checkpoint with this hash vouches for."""

    first: int
    last: int
    hash: str

    @property
    def rows(self) -> int:
        return self.last - self.first + 1

    @property
    def beginning_behind(self) -> Beginning:
        """Where the log begins when the rows have gone."""
        return Beginning(self.last + 1, self.hash)


def sequence_before(days: int) -> int:
    """The last event that is at least so many days old; 0 where there is none."""
    before = clock.microseconds() - days * _MICROSECONDS_A_DAY
    events = AuditEvent.objects.filter(time__lte=before).order_by("-time", "-seq")
    return events.values_list("seq", flat=True).first() or 0


def plan(up_to: int) -> Removal | None:
    """What goes: everything up to the last signed checkpoint that is not behind ``up_to``; None for nothing.

    Raises :class:`RetentionError` where the log is not what was written, or may not be deleted from here.
    """
    _demand_the_owner()
    first = _first_row()
    if _signed_away() > first:  # an earlier run was interrupted
        return _removal_of(first, _signed_away() - 1)
    result = verify()
    if result.verdict not in GOOD:
        raise RetentionError(f"The log is not what was written ({result.verdict.value}, event {result.seq})")
    signed = [checkpoint.seq for checkpoint in _valid() if first <= checkpoint.seq <= up_to]
    return _removal_of(first, max(signed)) if signed else None


def apply(removal: Removal, actor: Actor) -> None:
    """Sign that the log begins behind the removal, then delete it.

    Raises :class:`RetentionError`, the errors of
    :func:`apps.audit.integrity.signing.sign_checkpoint`, and the database's. Every other write of the portal
    waits while the rows are deleted.
    """
    if _signed_away() <= removal.first:
        _sign_away(removal, actor)
    _delete(removal, actor)


def _sign_away(removal: Removal, actor: Actor) -> None:
    _record(AUDIT_RETENTION_DECIDED, removal, actor)
    for _attempt in range(3):  # a worker may have signed what was to be signed; its event is the next to sign
        if sign_checkpoint(actor, beginning=removal.beginning_behind) is not None:
            return
    raise RetentionError("The checkpoint could not be signed: others sign all the time")


def _delete(removal: Removal, actor: Actor) -> None:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            lock_head(cursor)
            if _signed_away() != removal.last + 1 or _first_row() != removal.first:
                raise RetentionError("Somebody else removes rows at this moment")
            _lift_the_delete_trigger(cursor)
            cursor.execute("DELETE FROM audit_event WHERE seq <= %s", [removal.last])
            deleted = cursor.rowcount
        install_triggers(connection)
        if deleted != removal.rows or missing_triggers(connection):
            raise RetentionError(f"{deleted} rows instead of {removal.rows}, or a trigger does not stand")
        _record(AUDIT_RETENTION_APPLIED, removal, actor)


def _lift_the_delete_trigger(cursor: CursorWrapper) -> None:
    if connection.vendor == "sqlite":
        cursor.execute(f"DROP TRIGGER {DELETE_TRIGGER}")
    else:  # without the lock of DROP, which keeps readers out
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
    """The removal up to that checkpoint; its row and the one behind it have to be what was signed."""
    signed = next((checkpoint for checkpoint in _valid() if checkpoint.seq == last), None)
    own = AuditEvent.objects.filter(seq=last).values_list("hash", flat=True).first()
    behind = AuditEvent.objects.filter(seq=last + 1).values_list("previous_hash", flat=True).first()
    if signed is None or own != signed.hash or behind != signed.hash:
        raise RetentionError(f"The checkpoint at event {last} does not fit the log")
    return Removal(first, last, signed.hash)


def _valid() -> list[Checkpoint]:
    keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
    return [
        checkpoint
        for _place, checkpoint in checkpoints.read(settings.AUDIT_CHECKPOINT_FILE)
        if checkpoint.key in keys and checkpoint.holds_under(keys[checkpoint.key])
    ]


def _signed_away() -> int:
    """The sequence with which the log begins, as the last checkpoint says."""
    keys = checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)
    found = checkpoints.last_valid(settings.AUDIT_CHECKPOINT_FILE, keys)
    return found[1].first if found else 1


def _first_row() -> int:
    """The sequence of the first row that there is; 1 in an empty log."""
    return AuditEvent.objects.order_by("seq").values_list("seq", flat=True).first() or 1


def _demand_the_owner() -> None:
    """Before anything is signed: only the role that owns the table may lift its triggers."""
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)",
            [TABLE],
        )
        if cursor.fetchone() != (True,):
            raise RetentionError(f"Run this with the database role that owns the table {TABLE}")
