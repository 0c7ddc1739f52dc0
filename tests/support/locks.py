"""Locks of PostgreSQL, for tests of transactions that wait for each other."""

from __future__ import annotations

from django.db import connection


def is_a_transaction_waiting() -> bool:
    """Whether a transaction of this test's database waits for a lock; other tests use the same server."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])
