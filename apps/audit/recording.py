"""Record events. This is the only code that writes rows of the audit log."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.audit.chain import FORMAT, GENESIS, Row, canonical_json, row_hash
from apps.audit.events import Event, storable
from apps.audit.macs import AUDIT_MAC, MAC_COLUMNS, mac_keys
from apps.core import clock, connections, keys_in_use

logger = logging.getLogger("apps.audit")

# Plain SQL, because these statements are part of every write of the portal and run while the head is locked.
# Measured for one event in one thread, the ORM takes 2.4 times as long on SQLite and 1.3 times as long on
# PostgreSQL. Names are constants, values are parameters.
_COLUMNS = (*Row._fields, "hash", *MAC_COLUMNS)
_INSERT_EVENT = "INSERT INTO audit_event ({}) VALUES ({})".format(  # noqa: S608  # constant names, no values
    ", ".join(_COLUMNS), ", ".join(["%s"] * len(_COLUMNS))
)
_READ_HEAD = "SELECT seq, time, hash FROM audit_head WHERE id = 1"
# Read the time after the lock is held: a plain SELECT could evaluate it before waiting.
_READ_HEAD_AND_TIME = (
    f"WITH head AS MATERIALIZED ({_READ_HEAD} FOR UPDATE)"  # noqa: S608  # as above
    " SELECT seq, time, hash, (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint FROM head"
)
_UPDATE_HEAD = "UPDATE audit_head SET seq = %s, time = %s, hash = %s WHERE id = 1"
# One statement on PostgreSQL saves a round trip while the head is locked.
_UPDATE_HEAD_AND_INSERT = f"WITH updated AS ({_UPDATE_HEAD}) {_INSERT_EVENT}"
_INSERT_HEAD = "INSERT INTO audit_head (id, seq, time, hash) VALUES (1, %s, %s, %s) ON CONFLICT DO NOTHING"
_READ_LAST = "SELECT seq, time, hash FROM audit_event ORDER BY seq DESC LIMIT 1"


class EventRefused(DatabaseError):
    """No event can be recorded, because the head row does not match the last event.

    Not an ``IntegrityError``, which callers handle as a violated constraint of their own rows.
    """


def record(event: Event) -> int:
    """Append the event to the chain and return its sequence number.

    Call it as the last statement of the transaction that makes the change: the head stays locked until the
    commit. Raises ``TransactionManagementError`` outside a transaction, where the event could be stored
    without the change, and ``DatabaseError`` (also as :class:`EventRefused`) if it cannot be written, so that
    the transaction is rolled back.

    After the commit, the sequence number, the hash and the action are logged: a copy that cannot be changed
    with access to the database alone.
    """
    if not connections.in_transaction(connection):
        raise transaction.TransactionManagementError("An event is recorded in the transaction of its fact")
    in_use = keys_in_use.current(AUDIT_MAC)  # may be read, so before the head is locked
    with connections.statements_prepared(), connection.cursor() as cursor:
        last_seq, last_time, last_hash, now = _lock_head_and_read_time(cursor)
        if last_seq >= 2**53:  # larger numbers are not exact in JSON (RFC 8259, section 6)
            raise EventRefused("The end of the audit log's chain is at no sequence")
        # Use at least the last event's time.
        if last_time > now:  # the clock was set back, or the head row was altered
            _require_time_of_last_row(cursor, last_time)
        row = _row(event, last_seq + 1, max(now, last_time), last_hash)
        own_hash = row_hash(row)
        end = (row.seq, row.time, own_hash)
        values = (*row, own_hash, *mac_keys(settings.AUDIT_MAC_KEYS).values_for(own_hash, in_use))
        try:
            if connection.vendor == "postgresql":
                cursor.execute(_UPDATE_HEAD_AND_INSERT, (*end, *values))
            else:
                cursor.execute(_INSERT_EVENT, values)
                cursor.execute(_UPDATE_HEAD, end)
        except IntegrityError as error:
            raise EventRefused("The end of the audit log's chain is not its last row") from error
    anchor = {"seq": row.seq, "hash": own_hash, "action": row.action}
    transaction.on_commit(partial(logger.info, "audit event", extra=anchor), robust=True)
    return row.seq


def lock_head(cursor: CursorWrapper) -> tuple[int, int, str]:
    """Lock the head until the commit; return sequence number, time and hash of the last event.

    On SQLite, write transactions are IMMEDIATE (settings) and already hold the only write lock.
    """
    seq, last_time, last_hash, _now = _lock_head_and_read_time(cursor)
    return seq, last_time, last_hash


def _lock_head_and_read_time(cursor: CursorWrapper) -> tuple[int, int, str, int]:
    """Like :func:`lock_head`, and also return the time after locking, in microseconds since 1970.

    On PostgreSQL it is the database server's time, so that the events of all machines use one clock.
    """
    if connection.vendor == "sqlite":
        return *_read_head(cursor, _READ_HEAD), clock.microseconds()
    return _read_head(cursor, _READ_HEAD_AND_TIME)


def _read_head(cursor: CursorWrapper, read: str) -> tuple[Any, ...]:
    cursor.execute(read)
    head = cursor.fetchone()
    if head is None:
        # The first event of a database. One of several concurrent writers inserts the row; the others wait on
        # its key until the commit, insert nothing and read that row.
        cursor.execute(_READ_LAST)
        cursor.execute(_INSERT_HEAD, cursor.fetchone() or (0, 0, GENESIS))
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
        session=actor.session or None,
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
