"""Whether this process may be given people: a short list of questions that the apps register.

They are about this machine serving pages and creates. What needs attention but is no reason to send people
elsewhere (workers, spool, triggers and verification of the audit log) is status.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

logger = structlog.get_logger(__name__)

LIMIT_SECONDS = 1.5
"""How long ``/readyz`` waits for a database. Whoever asks shall have the answer within two seconds."""

Check = Callable[[], bool]
_checks: dict[str, Check] = {}
_round: Future[list[str]] | None = None
_lock = threading.Lock()


def register(name: str, check: Check) -> None:
    """Ask ``check`` at each ``/readyz``; it answers True when its part is in order.

    Called from an app's ``ready()``; the same name again replaces the check. A check that raises
    ``DatabaseError`` has failed; any other error is a fault of the check and is not swallowed.
    """
    _checks[name] = check


def prepare() -> None:
    """Read the migrations of this version, so that the first round does not spend its time on that."""
    MigrationLoader(None, ignore_no_migrations=True)


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


def failures_in_time() -> list[str]:
    """As :func:`failures`, within :data:`LIMIT_SECONDS`; a round that takes longer is a failed database.

    The round is asked in a thread of its own: no time limit of the driver covers every way in which a
    database may be silent. There is one round at a time; whoever asks meanwhile gets its result.
    """
    global _round  # noqa: PLW0603  # one round for the whole process is the point
    with _lock:
        if _round is None or _round.done():
            _round = Future()
            context = contextvars.copy_context()  # the support code belongs into the lines of the log
            arguments = (_answer, _round)
            threading.Thread(target=context.run, args=arguments, name="readiness", daemon=True).start()
        asked = _round
    try:
        return asked.result(LIMIT_SECONDS)
    except TimeoutError:
        logger.warning("readiness.no_answer_in_time", seconds=LIMIT_SECONDS)
        return ["database"]


def _answer(asked: Future[list[str]]) -> None:
    try:
        failed = failures()
    except Exception as error:  # noqa: BLE001  # whoever asked gets it
        connections.close_all()
        asked.set_exception(error)
    else:
        connections.close_all()
        asked.set_result(failed)


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations_applied() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
