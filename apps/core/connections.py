"""Database connections: releasing them before a slow call, recognising lost ones, and noting commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

DATABASE_ERRORS: Final = (DatabaseError, InterfaceError)
"""What a statement raises if the database refuses it or does not answer.

``InterfaceError``, for a closed connection, is not a ``DatabaseError``.
"""

# Django raises these after a lost connection: for a session that cannot be saved, and for a query in a broken
# transaction. The first error is their cause or context.
_FOLLOWING_ERRORS = (UpdateError, SessionInterrupted, transaction.TransactionManagementError)


class PortalWrapper(BaseDatabaseWrapper):
    """What the portal's two backends have in common. Each thread has its own.

    Notes each attempt to commit, for :func:`commit_was_attempted`. Statements outside ``atomic``, such as
    those of limits, are not noted.
    """

    commit_attempted = False
    prepares = False
    """Whether statements are prepared; :func:`statements_prepared` sets it. SQLite plans fast."""

    def _commit(self) -> None:
        self.commit_attempted = True  # first: a commit that fails may have been made
        super()._commit()  # type: ignore[misc]  # the stubs do not know it


def forget_commits(**_signal: object) -> None:
    """Forget the commits of this thread. Connected to ``request_started``."""
    for connection in _noting():
        connection.commit_attempted = False


def commit_was_attempted() -> bool:
    """Whether this thread has tried to commit a transaction since the request began.

    Also true for a commit that the view did not ask for, such as the end of an expired session.
    """
    return any(connection.commit_attempted for connection in _noting())


def _noting() -> list[PortalWrapper]:
    opened = connections.all(initialized_only=True)
    return [one for one in opened if isinstance(one, PortalWrapper)]


@contextmanager
def statements_prepared() -> Iterator[None]:
    """Let PostgreSQL parse each statement of this block once for a connection, and keep a plan if it can.

    For statements that every request, every create or every event sends: planning one takes longer than
    running it. Others need plans for their values.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    assert isinstance(connection, PortalWrapper)  # noqa: S101  # narrows the type
    before, connection.prepares = connection.prepares, True
    try:
        yield
    finally:
        connection.prepares = before


def in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether the portal has opened a transaction on this connection, for rules that demand or refuse one.

    The test suite replaces this function with one that leaves out the transaction around each test. Code that
    only chooses another path inside a transaction reads the connection itself.
    """
    return bool(connection.in_atomic_block)


def release_database_connections() -> None:
    """Close this thread's database connections, or return them to the pool.

    Call this before a call to the vendor, which may take half a minute: other requests can use the connection
    meanwhile. SQLite connections stay open: outside a transaction they block nothing, and opening one costs
    more than most requests. Raises ``TransactionManagementError`` inside an atomic block, where closing would
    lose the transaction.
    """
    for connection in connections.all(initialized_only=True):
        if in_transaction(connection):
            raise transaction.TransactionManagementError(
                "The database connection cannot be released inside a transaction"
            )
        _release(connection)


def _release(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "sqlite":
        connection.close()


def is_database_unavailable(error: BaseException | None) -> bool:
    """Whether an error means that the database does not answer or the connection is closed: temporary faults.

    Also recognises the errors that Django raises instead because of such a fault. An error of a statement,
    such as a missing column in a database of another version, is not such a fault.
    """
    if isinstance(error, _FOLLOWING_ERRORS):
        # Check both: the cause of a broken transaction may be left over from an earlier transaction.
        return is_database_unavailable(error.__cause__) or is_database_unavailable(error.__context__)
    if isinstance(error, OperationalError):
        # SQLite's errors of statements are OperationalErrors, too; PostgreSQL's are ProgrammingErrors.
        return getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    return isinstance(error, InterfaceError)


def database_failure(error: BaseException) -> str:
    """The message of a command that ends because of one of :data:`DATABASE_ERRORS`."""
    return f"The database failed or does not answer ({type(error).__name__})"
