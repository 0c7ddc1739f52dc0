"""Connections out of the pool: none that the server has closed, and no long wait for a server that is away.

Django loads this module by its name (``ENGINE`` in the settings). The pool alone gives out a connection
without looking at it, and lets whoever wants one wait although every attempt to connect fails.
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

LONGEST_WAIT = 10.0
"""Seconds that a request waits for a connection while the server answers and all of them are in use."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with another way of taking a connection out of the pool."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that works, as far as this machine can tell without asking the server.

        The pool's own time-out is short (settings). After each, the wait ends where an attempt to connect has
        failed meanwhile. Raises ``psycopg.OperationalError``, of which ``PoolTimeout`` is one.
        """
        pool = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        failed, end = _failed_attempts(pool), time.monotonic() + LONGEST_WAIT
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                if _failed_attempts(pool) > failed or time.monotonic() >= end:
                    raise
                continue
            if _is_open(connection):
                return connection
            pool.putconn(connection)  # the pool throws it away and makes another


def _failed_attempts(pool: ConnectionPool[Any]) -> int:
    return pool.get_stats().get("connections_errors", 0)


def _is_open(connection: Any) -> bool:
    """Whether the server has left the connection open. Asks the server only where something waits to be read.

    On a connection that nobody uses that is, but for a rare notice, its end.
    """
    try:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
