"""A database backend whose writers wait for SQLite's write lock with short pauses.

Django loads this module by its name (``ENGINE`` in the settings). SQLite alone makes a writer sleep longer
and longer, up to a tenth of a second, while others that came later take the lock. With eight writers, this
wait has a third of the 95th percentile and half as many transactions again (decision 243).
"""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

PAUSES = (0.001, 0.008)
"""The shortest and the longest pause between two attempts, in seconds."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite backend with another way of waiting for the write lock."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin a transaction. Raises ``OperationalError`` if the lock is held for the whole time limit.

        The limit is the connection's busy timeout, as for every other statement.
        """
        self.ensure_connection()
        connection: Any = self.connection
        with self.wrap_database_errors:
            [limit_ms] = connection.execute("PRAGMA busy_timeout").fetchone()
            connection.execute("PRAGMA busy_timeout = 0")
        end = time.monotonic() + limit_ms / 1000
        try:
            while not self._begin(is_last=time.monotonic() >= end):
                time.sleep(random.uniform(*PAUSES))  # noqa: S311  # no secret
        finally:
            connection.execute(f"PRAGMA busy_timeout = {limit_ms}")

    def _begin(self, *, is_last: bool) -> bool:
        """Whether the transaction has begun. Raises ``OperationalError``; for a held lock only if last."""
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's, not in its stubs
        except OperationalError as error:
            if is_last or not _is_locked(error):
                raise
            return False
        return True


def _is_locked(error: OperationalError) -> bool:
    """Whether SQLite raised it because another connection holds the lock."""
    cause = error.__cause__
    return (
        isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    )
