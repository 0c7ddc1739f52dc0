"""Empty the audit log between tests. The product itself cannot remove its triggers.

pytest-django empties every table after a transactional test with Django's ``flush``: DELETE on SQLite,
TRUNCATE on PostgreSQL. The audit log refuses both. :func:`flushes_lift_the_triggers` wraps the function
that every flush calls, so that ``transactional_db``, ``django_db(transaction=True)`` and ``live_server``
work as usual. The triggers still stop a test that tries to delete events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations

from apps.audit.triggers import TABLE, install_triggers


@contextmanager
def lift_triggers(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Remove the triggers of the audit log inside the block; always restore them afterwards.

    The head is not changed, so a test that shortens the log sees the result of a real theft.
    """
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for name in _triggers(connection):
            suffix = "" if connection.vendor == "sqlite" else f" ON {TABLE}"
            cursor.execute(f"DROP TRIGGER {name}{suffix}")
    try:
        yield
    finally:
        install_triggers(connection)


@contextmanager
def flushes_lift_the_triggers() -> Iterator[None]:
    """Allow database flushes to empty the audit log inside the block."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def lift_and_flush(operations: BaseDatabaseOperations, sql_list: Sequence[str]) -> None:
        with lift_triggers(operations.connection):
            flush(operations, sql_list)

    with mock.patch.object(BaseDatabaseOperations, "execute_sql_flush", lift_and_flush):
        yield


def _triggers(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
        else:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal", [TABLE]
            )
        return [str(name) for (name,) in cursor.fetchall()]
