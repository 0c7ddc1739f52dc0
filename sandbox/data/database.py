"""The sandbox's SQLite file: its tables and its transactions."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.data.store import Transaction

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
    body TEXT NOT NULL, guest_effect TEXT NOT NULL, matched_by TEXT NOT NULL, created_at TEXT NOT NULL,
    modified_at TEXT, listed_at TEXT);
CREATE INDEX IF NOT EXISTS consumers_by_order ON consumers (order_ref);
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    operation TEXT NOT NULL, body_read INTEGER NOT NULL, done INTEGER NOT NULL, status INTEGER,
    fault TEXT NOT NULL);
"""


class Database:
    """The SQLite file.

    Threads share one connection under a lock, because each request is one short transaction. A commit is
    durable before the answer is sent (WAL, `synchronous=FULL`), so an answered create survives a power
    failure, as it would at the vendor's. Raises OSError or sqlite3.Error if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_TABLES)
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(consumers)")}
        for added in ("modified_at", "listed_at"):  # files of earlier versions lack this column
            if added not in columns:
                self._connection.execute(f"ALTER TABLE consumers ADD COLUMN {added} TEXT")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed at the end, rolled back after an exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file. Committed data stays in it."""
        with self._lock:
            self._connection.close()
