"""Recording events: the only code that writes rows of the audit log."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.audit.chain import FORMAT, GENESIS, Row, canonical_json, row_hash
from apps.audit.events import Event, storable
from apps.core import clock

logger = logging.getLogger("apps.audit")

# Plain SQL: these statements are part of every write of the portal, and they run while the head is locked.
# Measured for one event in one thread, the ORM takes 2.4 times as long on SQLite and 1.3 times as long on
# PostgreSQL. The names come from the code, the values are parameters.
_COLUMNS = (*Row._fields, "hash")
_INSERT_EVENT = "INSERT INTO audit_event ({}) VALUES ({})".format(  # noqa: S608  # names of ours, no values
    ", ".join(_COLUMNS), ", ".join(["%s"] * len(_COLUMNS))
)
_READ_HEAD = "SELECT seq, time, hash FROM audit_head WHERE id = 1"
# The time is read after the lock is held: a plain SELECT could evaluate it before the wait.
_READ_HEAD_AND_TIME = (
    f"WITH head AS MATERIALIZED ({_READ_HEAD} FOR UPDATE)"  # noqa: S608  # as above
    " SELECT seq, time, hash, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM head"
)
_MOVE_HEAD = "UPDATE audit_head SET seq = %s, time = %s, hash = %s WHERE id = 1"
# One statement where the database supports it: one round trip less while the head is locked.
_MOVE_AND_INSERT = f"WITH moved AS ({_MOVE_HEAD}) {_INSERT_EVENT}"
_MAKE_HEAD = "INSERT INTO audit_head (id, seq, time, hash) VALUES (1, %s, %s, %s) ON CONFLICT DO NOTHING"
_READ_LAST = "SELECT seq, time, hash FROM audit_event ORDER BY seq DESC LIMIT 1"


class EventRefused(DatabaseError):
    """No event can be recorded, because the head row does not match the last event.

    Not an ``IntegrityError``: callers read that as a violated constraint of their own rows.
    """


def record(event: Event) -> int:
    """Append the event to the chain and return its sequence number.

    Call it as the last statement of the transaction that stores the fact: the head stays locked until the
    commit. Raises ``TransactionManagementError`` outside a transaction, where the event could be stored
    without its fact, and ``DatabaseError`` (also as :class:`EventRefused`) when it cannot be written; the
    transaction is rolled back then, and the fact with it.

    After the commit, the sequence, the hash and the action are logged. Access to the database alone does not
    suffice to change that line.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An event is recorded in the transaction of its fact")
    with connection.cursor() as cursor:
        last_seq, last_time, last_hash, now = _lock_head_and_read_time(cursor)
        if last_seq >= 2**53:  # JSON has no exact numbers beyond (RFC 8259, section 6)
            raise EventRefused("The end of the audit log's chain is at no sequence")
        # Never before the last event: the clock may have been set back.
        if last_time > now:  # it was, or the head row was altered
            _require_time_of_last_row(cursor, last_time)
        row = _row(event, last_seq + 1, max(now, last_time), last_hash)
        own_hash = row_hash(row)
        end = (row.seq, row.time, own_hash)
        try:
            if connection.vendor == "postgresql":
                cursor.execute(_MOVE_AND_INSERT, (*end, *row, own_hash))
            else:
                cursor.execute(_INSERT_EVENT, (*row, own_hash))
                cursor.execute(_MOVE_HEAD, end)
        except IntegrityError as error:
            raise EventRefused("The end of the audit log's chain is not its last row") from error
    anchor = {"seq": row.seq, "hash": own_hash, "action": row.action}
    transaction.on_commit(partial(logger.info, "audit event", extra=anchor), robust=True)
    return row.seq


def lock_head(cursor: CursorWrapper) -> tuple[int, int, str]:
    """Lock the head until the commit; return sequence, time and hash of the last event.

    SQLite's write transactions are IMMEDIATE (settings): they hold the one write lock already.
    """
    seq, last_time, last_hash, _now = _lock_head_and_read_time(cursor)
    return seq, last_time, last_hash


def _lock_head_and_read_time(cursor: CursorWrapper) -> tuple[int, int, str, int]:
    """As :func:`lock_head`, with the time once the lock is held, in microseconds since 1970.

    On PostgreSQL it is the database's, so the events of all machines have the time of one clock.
    """
    if connection.vendor == "sqlite":
        return *_read_head(cursor, _READ_HEAD), clock.microseconds()
    return _read_head(cursor, _READ_HEAD_AND_TIME)


def _read_head(cursor: CursorWrapper, read: str) -> tuple[Any, ...]:
    cursor.execute(read)
    head = cursor.fetchone()
    if head is None:
        # The first event of a database. Of several concurrent writers, one inserts the row; the others wait
        # for its key until that one has committed, insert nothing and read its row.
        cursor.execute(_READ_LAST)
        cursor.execute(_MAKE_HEAD, cursor.fetchone() or (0, 0, GENESIS))
        cursor.execute(read)
        head = cursor.fetchone()
    return tuple(head)


def _require_time_of_last_row(cursor: CursorWrapper, last_time: int) -> None:
    cursor.execute(_READ_LAST)
    last = cursor.fetchone()
    if last is None or last[1] != last_time:
        raise EventRefused("The end of the audit log's chain has another time than its last row")


def _row(event: Event, seq: int, time_us: int, previous_hash: str) -> Row:
    actor, origin = event.actor, event.actor.origin
    return Row(
        seq=seq,
        format=FORMAT,
        time=time_us,
        action=event.type.name,
        failure=event.type.failure,
        actor_id=actor.id or None,
        actor_name=storable(actor.name),
        actor_roles=",".join(actor.roles),
        request_id=storable(origin.request_id) or None,
        peer_address=storable(origin.peer_address),
        client_address=storable(origin.client_address) or None,
        submission=event.submission or None,
        order_ref=event.order_ref or None,
        consumer_ref=event.consumer_ref or None,
        guest_ref=event.guest_ref or None,
        person=event.person or None,
        data=canonical_json(dict(event.data)),
        previous_hash=previous_hash,
    )
