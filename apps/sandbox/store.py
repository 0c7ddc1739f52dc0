"""What the sandbox remembers, in a SQLite file of its own."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from apps.sandbox.validation import JsonObject

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, reference_id TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_reference_id ON orders (reference_id);
CREATE TABLE IF NOT EXISTS guests (seq INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS guest_keys (key TEXT NOT NULL, guest_ref TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS guests_by_key ON guest_keys (key);
CREATE TABLE IF NOT EXISTS contacts (
    seq INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, order_ref TEXT NOT NULL, guest_ref TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS consumers (
    seq INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, order_ref TEXT NOT NULL, guest_ref TEXT NOT NULL,
    body TEXT NOT NULL, guest_effect TEXT NOT NULL, matched_by TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS consumers_by_order ON consumers (order_ref);
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    operation TEXT NOT NULL, body_read INTEGER NOT NULL, done INTEGER NOT NULL, status INTEGER,
    fault TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class StoredConsumer:
    """A consumer as it arrived: `body` is the text of the request, to the character.

    `guest_effect` is `matched` (then `matched_by` names the identity provider), `created` or `seeded`.
    """

    ref: str
    order_ref: str
    guest_ref: str
    body: str
    guest_effect: str
    matched_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request that reached the sandbox.

    `body_read` says whether it arrived whole, `done` whether it changed what is stored; `status` is None
    where nothing was answered; `fault` and `operation` are empty where there was none.
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


class Transaction:
    """Reads and writes of one request; they become durable together, when the transaction ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # Orders

    def add_order(self, ref: str, reference_id: str, body: JsonObject) -> bool:
        """Add an order; False when its reference is there already."""
        statement = "INSERT OR IGNORE INTO orders (ref, reference_id, body) VALUES (?, ?, ?)"
        return self._write(statement, ref, reference_id, json.dumps(body))

    def order(self, ref: str) -> JsonObject | None:
        """An order by its reference, in whichever case it is written."""
        return self._body("SELECT body FROM orders WHERE ref = ?", ref.lower())

    def order_refs_by_reference_id(self, reference_id: str) -> list[str]:
        """References of the orders with this reference id; organisations recycle them."""
        return self._refs("SELECT ref FROM orders WHERE reference_id = ? ORDER BY seq", reference_id)

    def order_refs_of_guest(self, guest_ref: str) -> list[str]:
        """References of the orders on which a guest is contact or consumer."""
        statement = """SELECT ref FROM orders WHERE ref IN (
            SELECT order_ref FROM contacts WHERE guest_ref = :guest
            UNION SELECT order_ref FROM consumers WHERE guest_ref = :guest) ORDER BY seq"""
        return [row[0] for row in self._connection.execute(statement, {"guest": guest_ref.lower()})]

    # Guests

    def add_guest(self, ref: str, body: JsonObject, keys: list[str]) -> bool:
        """Add a guest that is found under `keys`; False when the reference is there already."""
        added = self._write("INSERT OR IGNORE INTO guests (ref, body) VALUES (?, ?)", ref, json.dumps(body))
        if added:
            rows = [(key, ref) for key in keys]
            self._connection.executemany("INSERT INTO guest_keys (key, guest_ref) VALUES (?, ?)", rows)
        return added

    def guest(self, ref: str) -> JsonObject | None:
        """A guest by its reference, in whichever case it is written."""
        return self._body("SELECT body FROM guests WHERE ref = ?", ref.lower())

    def guest_refs(self) -> list[str]:
        """References of all guests, oldest first."""
        return self._refs("SELECT ref FROM guests ORDER BY seq")

    def guest_refs_by_key(self, key: str) -> list[str]:
        """References of the guests found under a key, oldest first."""
        statement = """SELECT DISTINCT guests.ref FROM guests JOIN guest_keys ON guest_ref = guests.ref
            WHERE key = ? ORDER BY seq"""
        return self._refs(statement, key)

    def guest_refs_of_order(self, order_ref: str) -> list[str]:
        """References of an order's guests, contacts and consumers alike, oldest first."""
        statement = """SELECT ref FROM guests WHERE ref IN (
            SELECT guest_ref FROM contacts WHERE order_ref = :order
            UNION SELECT guest_ref FROM consumers WHERE order_ref = :order) ORDER BY seq"""
        return [row[0] for row in self._connection.execute(statement, {"order": order_ref.lower()})]

    # Contacts

    def add_contact(self, ref: str, order_ref: str, guest_ref: str) -> bool:
        """Make a guest a contact of an order; False when the reference is there already."""
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
        """Keep a consumer; False when the reference is there already."""
        return self._write(
            "INSERT OR IGNORE INTO consumers (ref, order_ref, guest_ref, body, guest_effect, matched_by,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            consumer.ref,
            consumer.order_ref,
            consumer.guest_ref,
            consumer.body,
            consumer.guest_effect,
            consumer.matched_by,
            consumer.created_at.isoformat(),
        )

    def consumer(self, ref: str) -> StoredConsumer | None:
        """A consumer by its reference, in whichever case it is written."""
        found = self._consumers("WHERE ref = ?", ref.lower())
        return found[0] if found else None

    def consumers(self, order_ref: str = "") -> list[StoredConsumer]:
        """The consumers of an order, or of all orders, oldest first."""
        return self._consumers("WHERE order_ref = ?", order_ref.lower()) if order_ref else self._consumers("")

    def _consumers(self, condition: str, *values: str) -> list[StoredConsumer]:
        columns = "ref, order_ref, guest_ref, body, guest_effect, matched_by, created_at"
        statement = f"SELECT {columns} FROM consumers {condition} ORDER BY seq"  # noqa: S608 - texts from above
        return [
            StoredConsumer(
                ref=ref,
                order_ref=order_ref,
                guest_ref=guest_ref,
                body=body,
                guest_effect=guest_effect,
                matched_by=matched_by,
                created_at=datetime.fromisoformat(created_at),
            )
            for (
                ref,
                order_ref,
                guest_ref,
                body,
                guest_effect,
                matched_by,
                created_at,
            ) in self._connection.execute(statement, values)
        ]

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
    ) -> None:
        """Count a request."""
        statement = """INSERT INTO requests (at, method, path, operation, body_read, done, status, fault)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        self._write(statement, at.isoformat(), method, path, operation, body_read, done, status, fault)

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


class Store:
    """The file. Threads share one connection under a lock: a request is one short transaction.

    Commits are durable before the answer goes out (WAL, `synchronous=FULL`), so an answered create survives
    a power cut as the vendor's would. Raises OSError or sqlite3.Error where the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction, committed at the end and undone when an exception leaves it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._connection.close()
