"""The background worker: state in rows, not messages, so that a killed one loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, close_old_connections

from apps.accounts.sessions import close_expired_sessions
from apps.audit.integrity.monitor import IntegrityMonitor
from apps.cdp.factory import get_client
from apps.consumers.reconciliation.checks import run_due_check
from apps.consumers.reconciliation.resolution import mark_overdue_unknown
from apps.consumers.sending import spool
from apps.consumers.sending.storing import drain_spool
from apps.core import limits, signs
from apps.core.actor import Actor
from apps.core.connections import is_away
from apps.history.exports.services import sweep as sweep_exports
from consumerportal.keys import KeysNotAcceptedError, accept_keys

logger = logging.getLogger("apps.worker")
PAUSE_SECONDS = 1.0
SIGN_SECONDS = 5.0
CHECKS_AT_A_TIME = 10  # then the other duties have their turn
ACTOR = Actor.system("worker")


class Command(BaseCommand):
    help = (
        "Finds out what became of unknown outcomes, and clears up, until it is stopped. Run any number of it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if keys_are_accepted(stop):
            Worker(stop).work()


def keys_are_accepted(stop: threading.Event) -> bool:
    """Wait for a database and compare the keys with it; False when told to stop meanwhile.

    Raises ``CommandError`` when the keys of this worker are not those of the database.
    """
    while not stop.is_set():
        try:
            accept_keys(ACTOR)
        except KeysNotAcceptedError as refused:
            raise CommandError(f"The worker does not start. {refused}") from None
        except (DatabaseError, InterfaceError) as error:  # also one that is not migrated yet
            logger.warning("worker_waits_for_the_database (%s)", type(error).__name__)
            stop.wait(PAUSE_SECONDS)
        else:
            return True
        finally:
            close_old_connections()
    return False


class Worker:
    """Does what is due, one duty after the other, and gives signs of life between them."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.failing: set[str] = set()  # since the last sign
        self.signed_at = -SIGN_SECONDS
        self.duties: dict[str, Callable[[], object]] = {
            "drain_spool": lambda: drain_spool(ACTOR),
            "mark_overdue_unknown": lambda: mark_overdue_unknown(ACTOR),
            "run_due_checks": self.run_due_checks,
            "sweep_exports": lambda: sweep_exports(ACTOR),
            "close_expired_sessions": close_expired_sessions,
            "forget_expired_limits": limits.forget_expired,
            "audit_integrity": IntegrityMonitor(ACTOR).run_due,
        }

    def work(self) -> None:
        """Go on until told to stop."""
        while not self.stop.is_set():
            for name, duty in self.duties.items():
                if not done(name, duty):
                    self.failing.add(name)
            self.give_sign_if_due()
            self.stop.wait(PAUSE_SECONDS)

    def run_due_checks(self) -> None:
        """The looks that are due, one after the other: the vendor sees one at a time from each worker.

        Each may take as long as a look may, so there are signs of life between them.
        """
        for _ in range(CHECKS_AT_A_TIME):
            if self.stop.is_set() or not run_due_check(actor=ACTOR, client=get_client()):
                return
            self.give_sign_if_due()

    def give_sign_if_due(self) -> None:
        """Tell that this worker is alive, what waits on its machine, and what failed since the last sign."""
        if time.monotonic() - self.signed_at < SIGN_SECONDS:
            return
        failing = ", ".join(sorted(self.failing))
        waiting = len(spool.paths())
        sign = partial(
            signs.give, signs.WORKER, place=spool.folder_id(), waiting_files=waiting, failing=failing
        )
        if done("give_sign", sign):
            self.signed_at = time.monotonic()
            self.failing.clear()


def done(name: str, duty: Callable[[], object]) -> bool:
    """Whether a duty could be done. Each has its turn, whatever became of the others.

    A lost database is waited for: what is due stays due. Any other fault is told in the log and by the sign
    of life, and the duty has its turn again.
    """
    try:
        duty()
    except Exception as error:  # one row that nobody foresaw must not stop the resolving of all others
        if is_away(error):
            logger.warning("worker_waits_for_the_database")
        else:
            logger.exception("worker_duty_failed %s", name)
        return False
    finally:
        close_old_connections()
    return True
