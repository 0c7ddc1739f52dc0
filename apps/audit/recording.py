"""The one way into the audit log."""

from __future__ import annotations

import logging
import time
from functools import partial

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.audit.chain import FORMAT, GENESIS, Row, canonical_json, row_hash
from apps.audit.events import Event, storable

logger = logging.getLogger("apps.audit")

# Plain SQL, because this statement is part of every write of the portal and the head stays locked meanwhile:
# measured for one chain entry in one thread, the ORM's form takes 2.4 times as long on SQLite, 1.3 times on
# PostgreSQL. The names come from the code, the values are parameters.
_COLUMNS = (*Row._fields, "hash")
_INSERT_EVENT = "INSERT INTO audit_event ({}) VALUES ({})".format(  # noqa: S608  # names of ours, no values
    ", ".join(_COLUMNS), ", ".join(["%s"] * len(_COLUMNS))
)
_READ_HEAD = "SELECT seq, time, hash FROM audit_head WHERE id = 1"
_MOVE_HEAD = "UPDATE audit_head SET seq = %s, time = %s, hash = %s WHERE id = 1"
# In one go where the database can: one journey less while the end of the chain is locked.
_MOVE_AND_INSERT = f"WITH moved AS ({_MOVE_HEAD}) {_INSERT_EVENT}"
_MAKE_HEAD = "INSERT INTO audit_head (id, seq, time, hash) VALUES (1, %s, %s, %s) ON CONFLICT DO NOTHING"
_READ_LAST = "SELECT seq, time, hash FROM audit_event ORDER BY seq DESC LIMIT 1"


class EventRefused(DatabaseError):
    """The log takes no event: somebody has bent the end of the chain.

    No ``IntegrityError``, by which a caller knows that a constraint of its own fact stands in the way.
    """


def record(event: Event) -> int:
    """Write the event at the end of the chain; returns its sequence number.

    Call it as the last statement of the transaction that makes the fact true: the end of the chain stays
    locked until the commit. Raises ``TransactionManagementError`` outside a transaction, where the event
    could be told without its fact, and ``DatabaseError`` when it cannot be written: then neither is the fact.
    One of these is :class:`EventRefused`.

    After the commit one line goes to the log (sequence, hash, action): an anchor that nobody with access
    to the database alone can change.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An event is recorded in the transaction of its fact")
    with connection.cursor() as cursor:
        last_seq, last_time, last_hash = lock_head(cursor)
        if last_seq >= 2**53:  # no log ever comes to that; JSON has no exact numbers beyond
            raise EventRefused("The end of the audit log's chain is at no sequence")
        # Never behind its predecessor, whatever the clocks of several machines say.
        now = time.time_ns() // 1000
        if last_time > now:  # clocks differ a little; or somebody has set the head forward, for every event
            _demand_the_time_of_the_last_row(cursor, last_time)
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
    """Sequence, time and hash of the last row, locked until the commit.

    SQLite's write transactions are IMMEDIATE (settings): they hold the one write lock already.
    """
    read = _READ_HEAD if connection.vendor == "sqlite" else f"{_READ_HEAD} FOR UPDATE"
    cursor.execute(read)
    head = cursor.fetchone()
    if head is None:
        # The first event of a database. Of several writers here at once one makes the row; the others wait at
        # its key until that one has committed, make nothing, and then read what it left.
        cursor.execute(_READ_LAST)
        cursor.execute(_MAKE_HEAD, cursor.fetchone() or (0, 0, GENESIS))
        cursor.execute(read)
        head = cursor.fetchone()
    return head  # type: ignore[no-any-return]  # a database row


def _demand_the_time_of_the_last_row(cursor: CursorWrapper, last_time: int) -> None:
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
