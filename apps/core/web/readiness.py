"""Readiness: whether this process can serve requests. Apps register the checks.

The checks are about this machine serving pages and creates. Problems that are not a reason to use another
machine (workers, spool, triggers and verification of the audit log) are on the status page.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache

import structlog
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from apps.core.connections import DATABASE_ERRORS

logger = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.5
"""How long ``/readyz`` waits for the checks; the answer is due within two seconds."""

Check = Callable[[], bool]
_checks: dict[str, Check] = {}
_round: Future[list[str]] | None = None
_lock = threading.Lock()


def register(name: str, check: Check) -> None:
    """Run ``check`` at each ``/readyz``; it returns True if its part is ready.

    Called from an app's ``ready()``; replaces a check with the same name. A check that raises
    ``DatabaseError`` or ``InterfaceError`` has failed; any other exception is a bug and is not caught.
    """
    _checks[name] = check


def prepare() -> None:
    """Load the migration files, so that the first check does not spend its time on that."""
    _migrations()


def failures() -> list[str]:
    """Names of the checks that fail, in the order of registration; empty if the portal is ready.

    If the database does not answer, the remaining checks are skipped: each would wait for it.
    """
    failed: list[str] = []
    for name, check in {"database": _database_answers, "migrations": _migrations_applied, **_checks}.items():
        try:
            passed = check()
        except DATABASE_ERRORS:
            logger.warning("readiness.check_failed", check=name, exc_info=True)
            return [*failed, name]
        if not passed:
            logger.warning("readiness.check_failed", check=name)
            failed.append(name)
    return failed


def failures_in_time() -> list[str]:
    """As :func:`failures`, within :data:`TIMEOUT_SECONDS`; later, the result is a failed database.

    The checks run in their own thread, because no timeout of the driver covers every way in which a database
    can fail to answer. Calls during a run wait for the result of that run.
    """
    global _round  # noqa: PLW0603  # one round for the whole process is the point
    with _lock:
        if _round is None or _round.done():
            _round = Future()
            context = contextvars.copy_context()  # so that log lines contain the request id
            arguments = (_run_checks, _round)
            threading.Thread(target=context.run, args=arguments, name="readiness", daemon=True).start()
        current = _round
    try:
        return current.result(TIMEOUT_SECONDS)
    except TimeoutError:
        logger.warning("readiness.no_answer_in_time", seconds=TIMEOUT_SECONDS)
        return ["database"]


def _run_checks(result: Future[list[str]]) -> None:
    """Run the checks, close this thread's connections, and set the result or the exception."""
    try:
        failed = failures()
    except Exception as error:  # noqa: BLE001  # raised again by result()
        connections.close_all()
        result.set_exception(error)
    else:
        connections.close_all()
        result.set_result(failed)


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations_applied() -> bool:
    return _migrations() <= MigrationRecorder(connection).applied_migrations().keys()


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """App and name of every migration of this version, read once: an upgrade starts new processes."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
