"""Database connections: giving them back before a slow call to somebody else, and losing them."""

from __future__ import annotations

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import InterfaceError, OperationalError, connections, transaction

# A session that could not be written, and a query after the one that failed. Each carries what came first.
_IN_PLACE_OF_A_LOST_CONNECTION = (UpdateError, SessionInterrupted, transaction.TransactionManagementError)


def release_database_connections() -> None:
    """Close this thread's database connections (with a pool: give them back).

    A call to the vendor may take half a minute; a connection held meanwhile is one that nobody else
    can use. SQLite's stays open: outside a transaction it is in nobody's way, and to open it again costs more
    than most requests. Raises ``TransactionManagementError`` inside an atomic block, where closing would lose
    the transaction.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            raise transaction.TransactionManagementError(
                "The database connection cannot be given back inside a transaction"
            )
        if connection.vendor != "sqlite":
            connection.close()


def is_away(error: BaseException | None) -> bool:
    """Whether the database does not answer, or the connection to it is closed already: that passes.

    Also where Django raises something else in place of that.
    """
    if isinstance(error, _IN_PLACE_OF_A_LOST_CONNECTION):
        # Both: the cause of a broken transaction may be one that Django remembers of an earlier transaction.
        return is_away(error.__cause__) or is_away(error.__context__)
    return isinstance(error, OperationalError | InterfaceError)
