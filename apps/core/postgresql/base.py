"""A database backend whose pool returns no closed connection and does not wait for an unavailable server.

It can also prepare statements.

Django loads this module by its name (``ENGINE`` in the settings). The pool alone returns connections without
checking them, and makes callers wait even if every attempt to connect fails.
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg_pool import ConnectionPool, PoolTimeout

from apps.core.connections import PortalWrapper

MAX_WAIT = 10.0
"""Seconds that a request waits for a connection while the server answers and all connections are in use."""


class PreparingCursor(base.ServerBindingCursor, psycopg.Cursor[Any]):  # the second is a base of the first
    """Leaves the values of its statements to the server, and prepares each at its second use on a connection.

    With a threshold for the whole connection, psycopg would also keep and count the texts of the statements
    of other cursors, which have the values in them.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As psycopg's."""
        usual, self.connection.prepare_threshold = self.connection.prepare_threshold, 1
        try:
            return super().execute(query, params, **options)
        finally:
            self.connection.prepare_threshold = usual


class Operations(DatabaseOperations):
    """Django's, which also show the statements of a ``PreparingCursor`` in ``connection.queries``."""

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """The statement with its values. psycopg has that of a ``PreparingCursor`` without them."""
        if isinstance(cursor, PreparingCursor):
            return str(self.compose_sql(sql, params))
        return str(super().last_executed_query(cursor, sql, params))


class DatabaseWrapper(PortalWrapper, base.DatabaseWrapper):
    """Django's PostgreSQL backend with another way of getting a connection from the pool.

    Its cursors prepare statements within ``connections.statements_prepared``.
    """

    ops_class = Operations

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor of Django's, or one that prepares statements."""
        connection: Any = self.connection
        usual = connection.cursor_factory
        if self.prepares:
            connection.cursor_factory = PreparingCursor
        try:
            return super().create_cursor(name)
        finally:
            connection.cursor_factory = usual

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that the server has not closed, without a query to the server.

        The pool's own timeout is short (settings). After each timeout the wait ends if an attempt to connect
        has failed meanwhile. Raises ``psycopg.OperationalError`` (also as ``PoolTimeout``).
        """
        pool = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        failed, end = _failed_attempts(pool), time.monotonic() + MAX_WAIT
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                if _failed_attempts(pool) > failed or time.monotonic() >= end:
                    raise
                continue
            if _is_open(connection):
                return connection
            pool.putconn(connection)  # the pool discards it and opens another


def _failed_attempts(pool: ConnectionPool[Any]) -> int:
    return pool.get_stats().get("connections_errors", 0)


def _is_open(connection: Any) -> bool:
    """Whether the server has not closed the connection. Queries the server only if there are bytes to read.

    On an unused connection these are its end, or rarely a notice.
    """
    try:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
