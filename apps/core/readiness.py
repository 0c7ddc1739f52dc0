"""Whether this process may be given people: a short list of questions that the apps register."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

logger = structlog.get_logger(__name__)

Check = Callable[[], bool]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Ask ``check`` at each ``/readyz``; it answers True when its part is in order.

    Called from an app's ``ready()``; the same name again replaces the check. A check that raises
    ``DatabaseError`` has failed; any other error is a fault of the check and is not swallowed.
    """
    _checks[name] = check


def failures() -> list[str]:
    """Names of the checks that fail, in the order of their registration; empty when the portal is ready.

    A database that does not answer ends the round: the other checks would wait for it one after the other.
    """
    failed: list[str] = []
    for name, check in {"database": _database_answers, "migrations": _migrations_applied, **_checks}.items():
        try:
            passed = check()
        except (DatabaseError, InterfaceError):
            logger.warning("readiness.check_failed", check=name, exc_info=True)
            return [*failed, name]
        if not passed:
            logger.warning("readiness.check_failed", check=name)
            failed.append(name)
    return failed


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
