"""The background worker. Its work is stored in rows, not in messages, so a killed worker loses nothing."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from apps.accounts.sign_in.sessions import close_expired_sessions
from apps.audit.integrity.monitor import IntegrityMonitor
from apps.batches.expiry import delete_expired
from apps.cdp.factory import get_client
from apps.consumers import connection_health, drafts, searches
from apps.consumers.order_lookup.readings import delete_expired_readings
from apps.consumers.reconciliation.checks import run_due_check
from apps.consumers.reconciliation.resolution import mark_stuck_unknown
from apps.consumers.sending import spool
from apps.consumers.sending.storing import drain_spool
from apps.core import heartbeats, key_fingerprints, limits
from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS, is_database_unavailable
from apps.history.exports.lifecycle import fail_lost_exports
from apps.history.exports.shown_ranges import close_shown_ranges
from apps.history.totals.keeping import TotalsKeeper
from consumerportal import batch_threads, notice_threads
from consumerportal.key_rewriting import rewrite_due
from consumerportal.keys import REWRITE_AFTER, KeysNotAcceptedError, accept_keys
from consumerportal.private_files import log_readable_files

logger = logging.getLogger("apps.worker")
ROUND_INTERVAL = 1.0
HEARTBEAT_INTERVAL = 5.0
CHECKS_PER_ROUND = 10  # so that the other duties are not delayed
CHECK_SECONDS_PER_ROUND = 20.0  # after which no further check begins
ACTOR = Actor.system("worker")


class Command(BaseCommand):
    help = (
        "Sends the rows of confirmed lists, reconciles unknown outcomes, keeps totals for the figures and"
        " deletes expired data until it is stopped. Any number may run."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: request_stop(stop))
        log_readable_files()
        if keys_are_accepted(stop):
            Worker(stop).work()


def request_stop(stop: threading.Event) -> None:
    """Set ``stop`` from a signal handler.

    In another thread: the handler runs in the main thread, which may hold the lock of the event just then.
    """
    threading.Thread(target=stop.set, name="stop", daemon=True).start()


def keys_are_accepted(stop: threading.Event) -> bool:
    """Wait for the database and check the keys; False if the worker is stopped meanwhile.

    Raises ``CommandError`` if the database does not accept the keys of this worker.
    """
    while not stop.is_set():
        try:
            accept_keys(ACTOR)
        except KeysNotAcceptedError as refused:
            raise CommandError(f"The worker does not start. {refused}") from None
        except DATABASE_ERRORS as error:  # also one that is not migrated yet
            logger.warning("worker_waits_for_the_database (%s)", type(error).__name__)
            stop.wait(ROUND_INTERVAL)
        else:
            return True
        finally:
            close_old_connections()
    return False


class Worker:
    """Runs the duties in turn and records heartbeats."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.failing: set[str] = set()  # duties that failed since the last heartbeat
        self.recorded_at = -HEARTBEAT_INTERVAL
        self.has_recorded = threading.Event()  # a heartbeat
        self.duties: dict[str, Callable[[], object]] = {
            "drain_spool": lambda: drain_spool(ACTOR),
            "mark_stuck_unknown": lambda: mark_stuck_unknown(ACTOR),
            "run_due_checks": self.run_due_checks,
            "store_connection_health": connection_health.store_latest,
            "sweep_exports": lambda: fail_lost_exports(ACTOR),
            "close_shown_ranges": close_shown_ranges,
            "close_expired_sessions": close_expired_sessions,
            "delete_expired_limits": limits.delete_expired,
            "rewrite_rows": lambda: rewrite_due(ACTOR, after=REWRITE_AFTER, stop=self.stop),
            "keep_totals": TotalsKeeper(self.stop).run_due,
            "delete_expired_readings": delete_expired_readings,
            "delete_expired_drafts": drafts.delete_expired,
            "delete_expired_lists": lambda: delete_expired(ACTOR),
            "erase_expired_searches": lambda: searches.erase_expired(ACTOR),
            "audit_integrity": IntegrityMonitor(ACTOR).run_due,
        }

    def work(self) -> None:
        """Run all duties once per round, and the threads of lists and notices, until it is stopped."""
        lists = batch_threads.start_in_worker(self.stop, self.has_recorded, self.run_reported)
        notices = notice_threads.start_in_worker(self.stop, self.has_recorded, self.run_reported)
        while not self.stop.is_set():
            for name, duty in self.duties.items():
                self.run_reported(name, duty)
            self.record_heartbeat_if_due()
            self.stop.wait(ROUND_INTERVAL)
        batch_threads.wait_for(lists)
        notice_threads.join(notices)

    def run_reported(self, name: str, duty: Callable[[], object]) -> None:
        """Run a duty; the next heartbeat reports its failure."""
        if not run_duty(name, duty):
            self.failing.add(name)

    def run_due_checks(self) -> None:
        """Run due reconciliation checks one after the other, so that each worker makes one at the same time.

        A check can be slow, so heartbeats are recorded between checks.
        """
        end = time.monotonic() + CHECK_SECONDS_PER_ROUND
        for _ in range(CHECKS_PER_ROUND):
            if self.stop.is_set() or not run_due_check(actor=ACTOR, client=get_client()):
                return
            self.record_heartbeat_if_due()
            if time.monotonic() >= end:
                return

    def record_heartbeat_if_due(self) -> None:
        """Record a heartbeat with the number of spooled files and the duties that failed since."""
        if time.monotonic() - self.recorded_at < HEARTBEAT_INTERVAL:
            return
        reported = self.failing.copy()  # the threads may add to it meanwhile
        waiting = spool.count()
        heartbeat = partial(
            heartbeats.record_heartbeat,
            heartbeats.WORKER,
            folder=spool.folder_id(),
            waiting_files=waiting,
            failing=", ".join(sorted(reported)),
            keys=key_fingerprints.own_labels(),
        )
        if run_duty("record_heartbeat", heartbeat):
            self.recorded_at = time.monotonic()
            self.failing -= reported
            self.has_recorded.set()


def run_duty(name: str, duty: Callable[[], object]) -> bool:
    """Run a duty and return whether it succeeded. Raises nothing, so that the other duties run too.

    Exceptions are logged, and the duty runs again in the next round. During a database outage only a short
    line is logged.
    """
    try:
        duty()
    except Exception as error:  # an unexpected row must not stop the other duties
        if is_database_unavailable(error):
            logger.warning("worker_waits_for_the_database")
        else:
            logger.exception("worker_duty_failed %s", name)
        return False
    finally:
        close_old_connections()
    return True
