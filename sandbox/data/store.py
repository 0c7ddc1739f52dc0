"""The stored records, and the reads and writes of one request."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class StoredConsumer:
    """A stored consumer. `body` is the exact text of the create request until the consumer is changed.

    `guest_effect` is `matched` (then `matched_by` names the identity provider), `created` or `seeded`.
    From `listed_at` on the list of its order contains it; None: the switch `lag_seconds` decides.
    """

    ref: str
    order_ref: str
    guest_ref: str
    body: str
    guest_effect: str
    matched_by: str
    created_at: datetime
    modified_at: datetime | None = None
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request that reached the sandbox.

    `body_read`: whether the body arrived completely. `done`: whether the request changed stored data.
    `status` is None if there was no answer. `fault` and `operation` are empty if there was none.
    """

    seq: int
    at: datetime
    method: str
    path: str
    operation: str
    body_read: bool
    done: bool
    status: int | None
    fault: str


_INSERT_CONSUMER = (
    "INSERT OR IGNORE INTO consumers (ref, order_ref, guest_ref, body, guest_effect, matched_by,"
    " created_at, listed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _row(consumer: StoredConsumer) -> tuple[str | None, ...]:
    return (
        consumer.ref,
        consumer.order_ref,
        consumer.guest_ref,
        consumer.body,
        consumer.guest_effect,
        consumer.matched_by,
        consumer.created_at.isoformat(),
        consumer.listed_at.isoformat() if consumer.listed_at else None,
    )


class Transaction:
    """The reads and writes of one request, committed together at the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def savepoint(self, *, undo: bool) -> Iterator[None]:
        """A savepoint. With `undo` all writes inside it are rolled back at the end."""
        self._connection.execute("SAVEPOINT work")
        yield
        if undo:
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")

    # Orders

    def add_order(self, ref: str, reference_id: str, body: JsonObject) -> bool:
        """Add an order; False if its reference exists already."""
        statement = "INSERT OR IGNORE INTO orders (ref, reference_id, body) VALUES (?, ?, ?)"
        return self._write(statement, ref, reference_id, json.dumps(body))

    def order(self, ref: str) -> JsonObject | None:
        """An order by its reference, in upper or lower case."""
        return self._body("SELECT body FROM orders WHERE ref = ?", ref.lower())

    def order_refs_by_reference_id(self, reference_id: str) -> list[str]:
        """References of the orders with this reference id. Organisations reuse reference ids."""
        return self._refs("SELECT ref FROM orders WHERE reference_id = ? ORDER BY seq", reference_id)

    def order_refs_of_guest(self, guest_ref: str) -> list[str]:
        """References of the orders that have a guest as contact or consumer."""
        statement = """SELECT ref FROM orders WHERE ref IN (
            SELECT order_ref FROM contacts WHERE guest_ref = :guest
            UNION SELECT order_ref FROM consumers WHERE guest_ref = :guest) ORDER BY seq"""
        return [row[0] for row in self._connection.execute(statement, {"guest": guest_ref.lower()})]

    def order_ref_of_item(self, item_ref: str) -> str | None:
        """Reference of the order that an item belongs to."""
        statement = "SELECT ref FROM orders, json_each(body, '$.orderItems') WHERE value = ?"
        refs = self._refs(statement, item_ref.lower())
        return refs[0] if refs else None

    # Guests

    def add_guest(self, ref: str, body: JsonObject, keys: list[str]) -> bool:
        """Add a guest with its search keys; False if the reference exists already."""
        added = self._write("INSERT OR IGNORE INTO guests (ref, body) VALUES (?, ?)", ref, json.dumps(body))
        if added:
            rows = [(key, ref) for key in keys]
            self._connection.executemany("INSERT INTO guest_keys (key, guest_ref) VALUES (?, ?)", rows)
        return added

    def guest(self, ref: str) -> JsonObject | None:
        """A guest by its reference, in upper or lower case."""
        return self._body("SELECT body FROM guests WHERE ref = ?", ref.lower())

    def guest_refs(self) -> list[str]:
        """References of all guests, oldest first."""
        return self._refs("SELECT ref FROM guests ORDER BY seq")

    def guest_refs_by_key(self, key: str) -> list[str]:
        """References of the guests with a search key, oldest first."""
        statement = """SELECT DISTINCT guests.ref FROM guests JOIN guest_keys ON guest_ref = guests.ref
            WHERE key = ? ORDER BY seq"""
        return self._refs(statement, key)

    def guest_refs_of_order(self, order_ref: str) -> list[str]:
        """References of the guests who are contacts or consumers of an order, oldest first."""
        statement = """SELECT ref FROM guests WHERE ref IN (
            SELECT guest_ref FROM contacts WHERE order_ref = :order
            UNION SELECT guest_ref FROM consumers WHERE order_ref = :order) ORDER BY seq"""
        return [row[0] for row in self._connection.execute(statement, {"order": order_ref.lower()})]

    # Contacts

    def add_contact(self, ref: str, order_ref: str, guest_ref: str) -> bool:
        """Make a guest a contact of an order; False if the reference exists already."""
        statement = "INSERT OR IGNORE INTO contacts (ref, order_ref, guest_ref) VALUES (?, ?, ?)"
        return self._write(statement, ref, order_ref, guest_ref)

    def contact_refs(self, order_ref: str) -> list[str]:
        """References of an order's contacts, oldest first."""
        return self._refs("SELECT ref FROM contacts WHERE order_ref = ? ORDER BY seq", order_ref.lower())

    def contact(self, ref: str) -> tuple[str, str] | None:
        """Order and guest reference of a contact."""
        statement = "SELECT order_ref, guest_ref FROM contacts WHERE ref = ?"
        row = self._connection.execute(statement, (ref.lower(),)).fetchone()
        return None if row is None else (row[0], row[1])

    # Consumers

    def add_consumer(self, consumer: StoredConsumer) -> bool:
        """Store a consumer; False if the reference exists already."""
        return self._write(_INSERT_CONSUMER, *_row(consumer))

    def add_consumers(self, consumers: Iterable[StoredConsumer]) -> None:
        """Store consumers; those whose reference exists already are left out."""
        self._connection.executemany(_INSERT_CONSUMER, map(_row, consumers))

    def change_consumer(self, ref: str, body: str, at: datetime) -> None:
        """Replace the body of a consumer."""
        self._write("UPDATE consumers SET body = ?, modified_at = ? WHERE ref = ?", body, at.isoformat(), ref)

    def list_consumer(self, ref: str, at: datetime) -> bool:
        """Set when the list of the order begins to contain a consumer; False if it is unknown."""
        return self._write("UPDATE consumers SET listed_at = ? WHERE ref = ?", at.isoformat(), ref.lower())

    def consumer(self, ref: str) -> StoredConsumer | None:
        """A consumer by its reference, in upper or lower case."""
        found = self._consumers("WHERE ref = ?", ref.lower())
        return found[0] if found else None

    def consumers(self, order_ref: str = "") -> list[StoredConsumer]:
        """The consumers of an order, or of all orders, oldest first."""
        return self._consumers("WHERE order_ref = ?", order_ref.lower()) if order_ref else self._consumers("")

    def _consumers(self, condition: str, *values: str) -> list[StoredConsumer]:
        names = [field.name for field in fields(StoredConsumer)]
        statement = f"SELECT {', '.join(names)} FROM consumers {condition} ORDER BY seq"  # noqa: S608 - our names
        rows = self._connection.execute(statement, values)
        return [_consumer(dict(zip(names, row, strict=True))) for row in rows]

    # Requests on the wire

    def add_request(
        self,
        *,
        at: datetime,
        method: str,
        path: str,
        operation: str,
        body_read: bool,
        done: bool,
        status: int | None,
        fault: str,
    ) -> int:
        """Store a request and return its number."""
        statement = """INSERT INTO requests (at, method, path, operation, body_read, done, status, fault)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        values = (at.isoformat(), method, path, operation, body_read, done, status, fault)
        return self._connection.execute(statement, values).lastrowid or 0

    def number_of_requests(self) -> int:
        """The number of stored requests."""
        return int(self._connection.execute("SELECT COUNT(*) FROM requests").fetchone()[0])

    def finish_request(self, seq: int, *, done: bool, status: int | None) -> None:
        """Store the result of a request that was added before."""
        self._write("UPDATE requests SET done = ?, status = ? WHERE seq = ?", done, status, seq)

    def requests(self, after: int = 0) -> list[WireRequest]:
        """The requests with a number above `after`, oldest first."""
        columns = "seq, at, method, path, operation, body_read, done, status, fault"
        statement = f"SELECT {columns} FROM requests WHERE seq > ? ORDER BY seq"  # noqa: S608 - fixed text
        rows = self._connection.execute(statement, (after,))
        return [
            WireRequest(
                seq=seq,
                at=datetime.fromisoformat(at),
                method=method,
                path=path,
                operation=operation,
                body_read=bool(body_read),
                done=bool(done),
                status=status,
                fault=fault,
            )
            for seq, at, method, path, operation, body_read, done, status, fault in rows
        ]

    def _write(self, statement: str, *values: str | int | None) -> bool:
        return self._connection.execute(statement, values).rowcount > 0

    def _body(self, statement: str, ref: str) -> JsonObject | None:
        row = self._connection.execute(statement, (ref,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _refs(self, statement: str, *values: str) -> list[str]:
        return [row[0] for row in self._connection.execute(statement, values)]


def _consumer(row: dict[str, Any]) -> StoredConsumer:
    moments = {
        name: row[name] and datetime.fromisoformat(row[name])
        for name in ("created_at", "modified_at", "listed_at")
    }
    return StoredConsumer(**{**row, **moments})
